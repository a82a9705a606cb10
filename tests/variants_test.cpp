// The variants on all tiers against the reference, bit for bit and stage by stage: generated cases of
// every preset of a variant, with limits on places, batches that share them, slots and groups. The
// number of comparisons is on record in check/checked.cpp.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "check/checked.h"
#include "tests/support/rows.h"
#include "tests/support/thread_order.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;

// One of the list.
template <class T, std::size_t n>
T pick(std::mt19937_64& random, const T (&list)[n]) {
  return list[random() % n];
}

// A case of the variant: small sizes, odd ones among them.
Case random_case(std::string_view variant, std::string_view preset, std::uint64_t seed) {
  std::mt19937_64 random(seed * 2 + 1);
  Case c;
  c.variant = variant;
  c.preset = preset;
  c.seed = seed;
  c.D = pick(random, {Index{1}, Index{2}, Index{5}, Index{16}, Index{33}});
  c.F = pick(random, {Index{1}, Index{3}, Index{17}, Index{24}});
  const Index batches = pick(random, {Index{1}, Index{1}, Index{2}, Index{3}});
  const Index tokens = pick(random, {Index{0}, Index{1}, Index{2}, Index{3}, Index{7}, Index{11}});
  c.T = batches * tokens;
  c.batch = batches == 1 ? 0 : tokens;
  c.E = pick(random, {Index{1}, Index{2}, Index{4}, Index{6}, Index{12}});
  c.K = 1 + static_cast<Index>(random() % static_cast<std::uint64_t>(std::min(c.E, Index{4})));
  const Index slots = pick(random, {Index{1}, Index{2}, Index{3}});
  const Index places = pick(random, {Index{-1}, Index{-1}, Index{0}, Index{1}, Index{2}, Index{5}, Index{40}});
  const Priority priority = pick(random, {Priority::choice, Priority::token, Priority::score, Priority::confidence});
  const LaterSlots later = pick(random, {LaterSlots::all, LaterSlots::all, LaterSlots::none, LaterSlots::above_threshold,
                                         LaterSlots::until_mass, LaterSlots::random});
  const Preset& row = moe::preset(preset);
  const bool chooses = variant == "sparse" || variant == "hierarchical";
  if (variant == "soft") c.S = slots;
  if (chooses || variant == "expert_choice") c.C = places;
  if (chooses && (c.C >= 0 || row.capacity)) c.priority = priority;
  if (chooses && !(variant == "sparse" && row.unscored)) c.later = later;
  if (c.later == LaterSlots::until_mass && row.router.score == Score::logit)
    c.later = LaterSlots::above_threshold;  // raw logits have no mass
  c.training = random() % 3 == 0;
  c.family = pick(random, {check::Family::exact, check::Family::normal, check::Family::wild});
  c.route.kind = pick(random, {check::Route::Kind::uniform, check::Route::Kind::skew, check::Route::Kind::one,
                               check::Route::Kind::empty});
  if (c.route.kind == check::Route::Kind::skew) c.route.exponent = 1;
  const std::optional<float> threshold = pick(random, {std::optional<float>(), std::optional(0.1F), std::optional(0.4F), std::optional(0.9F)});
  const LaterSlots rule = c.later != LaterSlots::all ? c.later : row.router.later;
  if (chooses && !row.unscored && rule != LaterSlots::all && rule != LaterSlots::none) c.threshold = threshold;
  if (variant == "expert_choice") c.cap = pick(random, {Index{0}, Index{0}, Index{1}, Index{2}, Index{3}, Index{40}});
  const GroupLimit limit = check::group_limit(c);
  if (limit.kept * (c.E / limit.count) < c.K) c.K = limit.kept * (c.E / limit.count);
  if (test::needs_whole_shares(c)) {
    c.K = 1;
    c.T -= c.T % c.E;
    c.batch = 0;
  }
  return c;
}

constexpr std::uint64_t kEmulatedEvery = 4;  // the emulator is slow: it takes one case in so many

// Counts a case for every row of the record that its layer is of.
class Counts {
 public:
  void ran(const Layer& layer, const check::Tier& tier) {
    for (const check::Checked& row : check::checked())
      if (row.is_of(layer)) rows_[std::string(row.name)].ran(tier.name);
  }
  void skipped(const Layer& layer, const check::Tier& tier) {
    for (const check::Checked& row : check::checked())
      if (row.is_of(layer)) rows_[std::string(row.name)].skipped(tier);
  }
  // Every row that was met must have made the comparisons on record.
  void check() const {
    for (const check::Checked& row : check::checked()) {
      const auto found = rows_.find(std::string(row.name));
      if (found == rows_.end()) continue;
      SCOPED_TRACE(row.name);
      std::printf("%s\n", found->first.c_str());
      found->second.check({{"cpu", row.cpu}, {"cuda", row.cuda}, {"cuda-emulated", row.cuda_emulated}});
    }
  }

 private:
  std::map<std::string, Count> rows_;
};

void compare_variant(std::string_view variant, const std::vector<Preset>& rows, std::uint64_t cases) {
  ASSERT_FALSE(rows.empty());
  Counts counts;
  for (std::uint64_t i = 0; i < cases; i++) {
    const Case c = random_case(variant, rows[i % rows.size()].name, i + 1);
    ASSERT_EQ(check::parse_case(c.text()), c) << c.text();
    const Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Batch batch = check::make_batch(c);
    const Pass expected = run(check::tiers()[0], layer, x, 1, batch);
    const Stage* output = expected.trace.find("output");
    ASSERT_TRUE(output != nullptr && output->shape == (Shape{c.T, c.D})) << c.text();
    for (const check::Tier& tier : check::tiers()) {
      if (tier.name == "reference") continue;
      const bool emulated = tier.name == "cuda-emulated";
      if (emulated && i / rows.size() % kEmulatedEvery != 0) continue;
      if (!tier.skipped.empty()) {
        counts.skipped(layer, tier);
        continue;
      }
      if (emulated) set_order(i);
      const Pass found = run(tier, layer, x, 1 + static_cast<int>(i % 3), batch);
      ASSERT_TRUE(same_trace(expected.trace, found.trace, tier.name, c.text()));
      ASSERT_TRUE(same_bits(expected.y, found.y)) << c.text();
      const Matrix untraced = tier.prepare(layer, 2)->run(x, nullptr, batch);
      ASSERT_TRUE(same_bits(expected.y, untraced)) << "without a trace: " << c.text();
      counts.ran(layer, tier);
    }
  }
  set_order(0);
  counts.check();
}

TEST(Variants, SparseWithPlaces) { compare_variant("sparse", rows_of("sparse"), 4000); }

TEST(Variants, Dense) { compare_variant("dense", rows_of("sparse"), 2000); }

TEST(Variants, ExpertChoice) { compare_variant("expert_choice", rows_of("sparse"), 2000); }

TEST(Variants, Soft) {
  std::vector<Preset> rows = rows_of("soft");
  rows.push_back(preset("mixtral"));  // no normalisation
  compare_variant("soft", rows, 2000);
}

TEST(Variants, Hierarchical) {
  std::vector<Preset> rows = rows_of("hierarchical");
  for (const Preset& row : rows_of("sparse")) rows.push_back(row);
  compare_variant("hierarchical", rows, 2000);
}

}  // namespace
}  // namespace moe::test
