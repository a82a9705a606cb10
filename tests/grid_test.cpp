// All tiers against the reference, bit for bit and stage by stage, over a grid of cases: in each
// family every pair of values of preset, route, T, D, F, (E,K) and shared width occurs, in
// a design. The number of comparisons is pinned.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "reference/presets.h"
#include "reference/sparse.h"
#include "tests/support/covering.h"
#include "tests/support/rows.h"
#include "tests/support/thread_order.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;

const std::vector<std::string> kRoutes{"uniform", "skew:0.9", "one", "empty"};
const std::vector<Index> kTokens{0, 1, 2, 3, 5, 7, 31, 33, 127};
const std::vector<Index> kWidths{1, 2, 3, 5, 7, 31, 33, 127};
const std::vector<std::pair<Index, Index>> kExperts{{1, 1}, {2, 1}, {2, 2},  {3, 2},  {4, 4},
                                                    {7, 3}, {8, 2}, {16, 4}, {64, 8}, {256, 8}};
const std::vector<Index> kShared{0, 1, 17, 40};
constexpr unsigned kDesigns = 1;
constexpr unsigned kOptionDesigns = 4;

Case case_of(const DesignRow& row, check::Family family) {
  Case c;
  c.preset = plain_rows()[std::size_t(row[0])].name;
  c.route = check::parse_case("route=" + kRoutes[std::size_t(row[1])]).route;
  c.T = kTokens[std::size_t(row[2])];
  c.D = kWidths[std::size_t(row[3])];
  c.F = kWidths[std::size_t(row[4])];
  std::tie(c.E, c.K) = kExperts[std::size_t(row[5])];
  c.shared = kShared[std::size_t(row[6])];
  c.family = family;
  return c;
}

// Rough numbers of multiplications and of weights.
double work(const Case& c) {
  return double(3 * c.T * c.K * c.D * c.F + c.T * c.E * c.D);
}
double weights(const Case& c) {
  return double(3 * c.E * c.D * c.F);
}

std::vector<Case> cases_of(check::Family family) {
  const auto allowed = [&](const DesignRow& row) {
    const Case c = case_of(row, family);
    return work(c) <= 3e7 && weights(c) <= 3e6;
  };
  const std::vector<int> levels{int(plain_rows().size()), int(kRoutes.size()), int(kTokens.size()),
                                int(kWidths.size()),   int(kWidths.size()), int(kExperts.size()),
                                int(kShared.size())};
  std::vector<Case> cases;
  for (unsigned design = 1; design <= kDesigns; design++)
    for (const DesignRow& row : pairwise_cover(levels, allowed, design)) {
      cases.push_back(case_of(row, family));
      cases.back().seed = cases.size();
    }
  return cases;
}

// The emulated kernels are slow: they take the smaller cases.
bool small_enough_to_emulate(const Case& c) {
  return work(c) <= 1.5e5 && weights(c) <= 1e5;
}

void compare_all(check::Family family, const std::map<std::string, int>& pinned) {
  Count count;
  const std::vector<Case> cases = cases_of(family);
  for (std::size_t i = 0; i < cases.size(); i++) {
    const Case& c = cases[i];
    const SparseLayer layer = check::make_sparse_layer(c);
    const Matrix x = check::make_tokens(c);
    Recording expected;
    const Batch batch = check::make_batch(c);
    reference::sparse(layer, x, &expected, batch);
    const Stage* output = expected.find("output");
    ASSERT_TRUE(output != nullptr && output->shape == (Shape{c.T, c.D})) << c.text();
    for (const check::Tier& tier : check::tiers()) {
      if (tier.name == "reference") continue;
      const bool emulated = tier.name == "cuda-emulated";
      if (emulated && !small_enough_to_emulate(c)) continue;
      const std::vector<int> threads =
          tier.name == "cpu" ? std::vector<int>{1, 2, 3, 7} : std::vector<int>{1};
      for (const int n : threads) {
        if (!tier.skipped.empty()) {
          count.skipped(tier);
          continue;
        }
        if (emulated) set_order(i);
        const Pass found = run(tier, layer, x, n, batch);
        ASSERT_TRUE(same_trace(expected, found.trace, tier.name, c.text())) << "threads " << n;
        EXPECT_TRUE(same_bits(stage(expected, "output"), found.y)) << c.text();
        count.ran(tier.name);
      }
    }
  }
  set_order(0);
  std::printf("%zu cases\n", cases.size());
  count.check(pinned);
}

TEST(Grid, Exact) {
  compare_all(check::Family::exact, {{"cpu", 1040}, {"cuda", 260}, {"cuda-emulated", 214}});
}

TEST(Grid, Normal) {
  compare_all(check::Family::normal, {{"cpu", 1040}, {"cuda", 260}, {"cuda-emulated", 214}});
}

TEST(Grid, Wild) {
  compare_all(check::Family::wild, {{"cpu", 1040}, {"cuda", 260}, {"cuda-emulated", 214}});
}

// The layer of the case with choices that no preset combines: score, key, raw weight,
// normalisation, weight on, group score, groups left out, nonlinearity, gated, limit, biases.
SparseLayer layer_with_options(const Case& c, const DesignRow& row) {
  SparseLayer layer = check::make_sparse_layer(c);
  RouterConfig& r = layer.router.config;
  r.score = static_cast<Score>(row[0]);
  r.key = static_cast<SelectionKey>(row[1]);
  r.raw_weight = static_cast<RawWeight>(row[2]);
  r.normalisation = static_cast<Normalisation>(row[3]);
  r.weight_on = static_cast<WeightOn>(row[4]);
  r.groups = {.count = 4, .kept = 4 - row[6], .score = static_cast<GroupScore>(row[5])};
  if (row[6] == 1) r.groups.excluded_key = 0;
  r.epsilon = r.normalisation == Normalisation::max_sum ? 0.3F : 1e-20F;
  r.scale = 2.5F;
  r.near_tie = 0.1F;
  if (r.key == SelectionKey::score_plus_bias)
    for (const float b : {-.25F, .125F, 0.F, -.25F, .5F, .25F, -1.F, -.5F, .25F, 0.F, -.0F, .75F}) {
      Vector& bias = layer.router.selection_bias;
      bias.conservativeResize(bias.size() + 1);
      bias[bias.size() - 1] = b;
    }

  Activation a;
  a.function = static_cast<Nonlinearity>(row[7]);
  a.gated = row[8] == 0;
  a.slope = 1.702F;
  if (row[9] == 1) {
    a.limit = 0.75F;
    a.up_offset = 1;
  }
  layer.experts.activation = layer.shared->activation = a;
  const auto biases = [](Index size, float first) {
    Vector v(size);
    for (Index i = 0; i < size; i++) v[i] = first + static_cast<float>(i) * 0.125F;
    return v;
  };
  const auto change = [&](Ffn& ffn) {
    if (!a.gated) ffn.gate.resize(0, 0);
    if (row[10] == 0) return;
    if (a.gated) ffn.gate_bias = biases(ffn.gate.rows(), -1);
    ffn.up_bias = biases(ffn.up.rows(), -0.5F);
    ffn.down_bias = biases(ffn.down.rows(), -0.25F);
  };
  for (Ffn& ffn : layer.experts.ffn) change(ffn);
  change(layer.shared->ffn);
  return layer;
}

TEST(Grid, Options) {
  Count count;
  std::vector<DesignRow> rows;
  const auto allowed = [](const DesignRow&) { return true; };
  for (unsigned design = 1; design <= kOptionDesigns; design++)
    for (const DesignRow& row : pairwise_cover({4, 2, 4, 4, 2, 2, 3, 7, 2, 2, 2}, allowed, design))
      rows.push_back(row);
  for (std::size_t i = 0; i < rows.size(); i++) {
    Case c = check::parse_case("preset=qwen2_moe T=9 D=11 F=13 E=12 K=3 shared=5");
    c.seed = i + 1;
    c.family = i % 3 == 0 ? check::Family::wild : check::Family::normal;
    const SparseLayer layer = layer_with_options(c, rows[i]);
    const Matrix x = check::make_tokens(c);
    Recording expected;
    reference::sparse(layer, x, &expected);
    const std::string line = fmt::format("{} with options {}", c.text(), fmt::join(rows[i], " "));
    for (const check::Tier& tier : check::tiers()) {
      if (tier.name == "reference") continue;
      if (!tier.skipped.empty()) {
        count.skipped(tier);
        continue;
      }
      set_order(i);
      EXPECT_TRUE(same_trace(expected, run(tier, layer, x, 1 + int(i % 3)).trace, tier.name, line));
      count.ran(tier.name);
    }
  }
  set_order(0);
  count.check({{"cpu", 131}, {"cuda", 131}, {"cuda-emulated", 131}});
}

// The design covers what it says.
TEST(Grid, EveryPairOccurs) {
  std::set<std::string> seen;
  const std::vector<Case> cases = cases_of(check::Family::normal);
  for (const Case& c : cases)
    for (const std::string& pair :
         {fmt::format("T{} D{}", c.T, c.D), fmt::format("D{} F{}", c.D, c.F),
          fmt::format("E{} K{} F{}", c.E, c.K, c.F), fmt::format("{} E{} K{}", c.preset, c.E, c.K),
          fmt::format("{} {} {}", c.preset, int(c.route.kind), c.route.exponent)})
      seen.insert(pair);
  EXPECT_EQ(seen.size(), 9U * 8 + 8 * 8 + 10 * 8 + plain_rows().size() * 10 + plain_rows().size() * 4);
}

}  // namespace
}  // namespace moe::test
