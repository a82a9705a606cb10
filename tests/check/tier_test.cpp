// The registry: four tiers, each runnable or with a reason.
#include "check/tier.h"

#include <gtest/gtest.h>

#include "check/case.h"
#include "check/compare.h"
#include "reference/error.h"

namespace moe::check {
namespace {

std::string error_of(const std::string& names) {
  try {
    select_tiers(names);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Tiers, AllFourReferenceFirst) {
  std::vector<std::string> names;
  for (const Tier& tier : tiers()) {
    names.push_back(tier.name);
    if (tier.skipped.empty()) {
      EXPECT_TRUE(tier.make) << tier.name;
    } else {
      std::printf("skipped: %s (%s)\n", tier.name.c_str(), tier.skipped.c_str());
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"reference", "cpu", "cuda", "cuda-emulated"}));
  EXPECT_EQ(tiers()[0].skipped, "");
}

TEST(Tiers, EmptyNamesMeanAllThatRun) {
  std::size_t running = 0;
  for (const Tier& tier : tiers()) running += tier.skipped.empty() ? 1 : 0;
  const std::vector<const Tier*> chosen = select_tiers("");
  EXPECT_EQ(chosen.size(), running);
  EXPECT_EQ(chosen[0]->name, "reference");
}

TEST(Tiers, OrderIsThatOfTheNames) {
  const std::vector<const Tier*> chosen = select_tiers("cpu,reference");
  ASSERT_EQ(chosen.size(), 2U);
  EXPECT_EQ(chosen[0]->name, "cpu");
  EXPECT_EQ(chosen[1]->name, "reference");
}

TEST(Tiers, ErrorsNameTheTier) {
  EXPECT_EQ(error_of("gpu"),
            "unknown tier 'gpu', expected one of reference, cpu, cuda, cuda-emulated");
  EXPECT_NE(error_of("reference,").find("unknown tier ''"), std::string::npos);
  EXPECT_EQ(error_of("cpu,cpu"), "tier cpu is named twice");
  for (const Tier& tier : tiers())
    if (!tier.skipped.empty()) {
      EXPECT_EQ(error_of(tier.name), "tier " + tier.name + " cannot run here: " + tier.skipped);
    }
}

// A skipped tier's reason is part of what every comparison prints.
TEST(Tiers, PreparedLayerOutlivesTheLayerItWasMadeOf) {
  const Case c = parse_case("preset=qwen2_moe T=3 D=5 F=4 E=4 K=2");
  const Matrix x = make_tokens(c);
  Recording expected;
  tiers()[0].prepare(make_sparse_layer(c), 1)->run(x, &expected);
  for (const Tier* tier : select_tiers("")) {
    std::unique_ptr<Prepared> prepared;
    {
      const SparseLayer layer = make_sparse_layer(c);
      prepared = tier->prepare(layer, 1);
    }
    Recording found;
    prepared->run(x, &found);
    const Comparison comparison = compare(expected, found);
    EXPECT_TRUE(comparison.equal()) << report(comparison, "reference", tier->name, c.text());
  }
}

TEST(Tiers, BadLayersAreRefusedByAll) {
  const Case c = parse_case("preset=mixtral T=3 D=5 F=4 E=4 K=2");
  SparseLayer layer = make_sparse_layer(c);
  const Matrix x = make_tokens(c);
  for (const Tier* tier : select_tiers("")) {
    const auto prepared = tier->prepare(layer, 1);
    EXPECT_THROW(prepared->run(Matrix(x.leftCols(4)), nullptr), Error) << tier->name;
    SparseLayer bad = layer;
    bad.router.config.chosen = 5;
    EXPECT_THROW(tier->prepare(bad, 1), Error) << tier->name;
  }
}

}  // namespace
}  // namespace moe::check
