// Who travels with a token: where that changes nothing, in any stage of any tier (splitting and permuting a
// batch), and where it does, with the number of results it changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/every_tier.h"
#include "tests/support/rows.h"

namespace moe::test {
namespace {

using check::Case;
using check::parse_case;

// What stays together: a group of tokens that share places, choose or mix; or a token.
Index unit_of(const Case& c) { return c.batch == 0 ? 1 : c.batch; }

// Numbers drawn by element of the batch: then a token's result depends on its place in it.
bool draws(const Case& c) {
  const RouterConfig& r = preset(c.preset).router;
  if (c.variant != "sparse" && c.variant != "hierarchical") return false;
  if (c.variant == "sparse" && r.choice == Choice::random && !c.training) return true;  // in training: one lot for all
  if (c.later == LaterSlots::random || r.later == LaterSlots::random) return true;
  return c.training && r.noise_kind != Noise::none;
}

// Besides every preset of token choice.
const char* const kLines[] = {
    "variant=dense preset=mixtral T=12 D=9 F=7 E=5 K=1 gen=wild",
    "variant=dense preset=jacobs1991 T=13 D=9 F=7 E=3 K=1",
    "variant=dense preset=qwen2_moe T=13 D=18 F=5 E=6 K=2 shared=7",
    "variant=dense preset=minimax_blended T=12 D=9 F=7 E=4 K=2",
    "variant=dense preset=residual_moe T=12 D=9 F=7 E=4 K=1 gen=wild",
    "variant=hierarchical preset=shazeer2017_two_level T=13 D=9 F=7 E=12 K=2",
    "variant=hierarchical preset=shazeer2017_two_level T=13 D=9 F=7 E=12 K=2 training=1",
    "variant=hierarchical preset=mixtral T=12 D=9 F=7 E=8 K=2 inner=2 gen=wild",
    "variant=hierarchical preset=deepseek_v3 T=12 D=9 F=7 E=8 K=2 later=random",
    "variant=hierarchical preset=gemma4 T=12 D=9 F=7 E=8 K=3 later=until_mass",
    // In groups.
    "variant=hierarchical preset=mesh_moe2d T=12 batch=4 D=9 F=7 E=8 K=2 route=skew:1",
    "variant=hierarchical preset=mixtral T=12 batch=4 D=9 F=7 E=8 K=2 C=1 priority=score",
    "preset=mixtral T=12 batch=4 D=9 F=7 E=4 K=2 C=2 priority=choice route=skew:1",
    "preset=mixtral T=12 batch=4 D=9 F=7 E=4 K=2 C=2 priority=token route=skew:1",
    "preset=mixtral T=12 batch=4 D=9 F=7 E=4 K=2 C=2 priority=score gen=wild",
    "preset=mixtral T=12 batch=4 D=9 F=7 E=4 K=2 C=2 priority=confidence gen=wild",
    "variant=expert_choice preset=expert_choice T=12 batch=4 D=9 F=7 E=4 K=1 C=2",
    "variant=expert_choice preset=expert_choice T=12 batch=4 D=9 F=7 E=4 K=1 C=2 cap=1 gen=wild",
    "variant=expert_choice preset=qwen2_moe T=15 batch=5 D=9 F=7 E=4 K=1 C=5 gen=exact",
    "variant=soft preset=mixtral T=12 batch=4 D=9 F=7 E=3 K=1 S=2 gen=wild",
    "variant=soft preset=soft_moe T=15 batch=5 D=9 F=7 E=3 K=1 S=3",
    "variant=soft preset=soft_moe_rms T=12 batch=4 D=9 F=7 E=3 K=1",
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const char* line : kLines) cases.push_back(parse_case(line));
  for (const Preset& row : rows_of("sparse"))
    for (const char* rest : {"T=13 D=9 F=7 E=8 K=2 seed=3 gen=normal route=skew:1",
                             "T=12 D=18 F=5 E=6 K=3 seed=4 gen=wild route=uniform"}) {
      Case c = case_of(row, rest);
      if (row.capacity) c.T = 12;
      if (row.capacity) c.batch = 4;
      cases.push_back(c);
      c.training = true;
      if (!needs_whole_shares(c)) cases.push_back(c);
    }
  return cases;
}

// Every stage with a row, or as many rows, for each of so many units: the rows of those asked for, in that
// order. Rows sorted by expert are nobody's; of a position there remains whether it is one.
Recording of_units(const Recording& trace, Index units, const std::vector<Index>& which) {
  Recording own;
  for (const Stage& stage : trace.stages) {
    if (stage.name == "dispatched" || stage.name == "hidden" || stage.name == "expert_out") continue;
    const Index rows = units == 0 ? 0 : stage.shape[0] / units;
    if (rows * units != stage.shape[0]) throw std::logic_error(stage.name + " has no whole rows for each unit");
    Stage part = stage;
    part.shape[0] = rows * static_cast<Index>(which.size());
    std::visit(
        [&](auto& values) {
          const auto all = values;
          values.clear();
          for (const Index u : which) {
            const auto first = all.begin() + u * rows * stage.shape[1];
            values.insert(values.end(), first, first + rows * stage.shape[1]);
          }
          if (stage.name.ends_with("positions"))
            for (auto& value : values) value = value >= 0 ? 1 : 0;
        },
        part.values);
    own.stages.push_back(part);
  }
  return own;
}

std::vector<Index> counted_from(Index first, Index count) {
  std::vector<Index> units(static_cast<std::size_t>(count));
  std::iota(units.begin(), units.end(), first);
  return units;
}

// The tokens' part of a call: `count` of them from `first` on, who know where they come from.
Batch part_of(const Batch& batch, Index first, Index count) {
  Batch part = batch;
  part.first = batch.first + first;
  part.ids = {batch.ids.begin() + first, batch.ids.begin() + first + count};
  return part;
}

::testing::AssertionResult same_stages(const Recording& expected, const Recording& found, const Case& c) {
  const check::Comparison comparison = check::compare(expected, found);
  if (comparison.equal() || comparison.nothing_to_compare()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << c.text() << "\n"
                                       << check::report(comparison, "one batch", "the other", "");
}

// What is drawn is drawn by token, so this holds for layers that draw, too, if the parts say where they begin.
TEST_P(EveryTier, SplittingABatchChangesNothing) {
  for (const Case& c : all_cases()) {
    const Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Batch batch = check::make_batch(c);
    const Index m = unit_of(c), n = c.T / m;
    const Pass whole = run(tier(), layer, x, 1, batch);
    Index first = 0;
    for (const Index count : {n / 2, Index{1}, Index{0}, n - n / 2 - 1}) {
      const Batch own = part_of(batch, first * m, count * m);
      const Pass part = run(tier(), layer, x.middleRows(first * m, count * m), 1, own);
      ASSERT_TRUE(same_stages(of_units(whole.trace, n, counted_from(first, count)),
                              of_units(part.trace, count, counted_from(0, count)), c));
      first += count;
    }
    ASSERT_EQ(first, n);
  }
}

// Whole groups, where there are any; for the tokens of one see kDependence.
TEST_P(EveryTier, PermutingABatchPermutesItsResults) {
  int cases = 0;
  for (const Case& c : all_cases()) {
    if (draws(c)) continue;
    const Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Batch batch = check::make_batch(c);
    const Index m = unit_of(c), n = c.T / m;
    std::vector<Index> from;
    for (Index u = 0; u < n; u++) from.push_back((u * 5 + 3) % n);
    Matrix moved(c.T, c.D);
    Batch ids = batch;
    for (Index t = 0; t < c.T; t++) {
      const Index source = from[std::size_t(t / m)] * m + t % m;
      moved.row(t) = x.row(source);
      ids.ids[std::size_t(t)] = batch.ids[std::size_t(source)];
    }
    const Pass before = run(tier(), layer, x, 1, batch), after = run(tier(), layer, moved, 1, ids);
    ASSERT_TRUE(same_stages(of_units(before.trace, n, from), of_units(after.trace, n, counted_from(0, n)), c));
    cases++;
  }
  EXPECT_GT(cases, 100);
}

// ------------------------------------------------------------------------- where they do not hold

// Rows of both that are not the same bits.
Index differing(const Matrix& a, const Matrix& b) {
  Index rows = 0;
  for (Index t = 0; t < a.rows(); t++) rows += same_bits(Matrix(a.row(t)), Matrix(b.row(t))) ? 0 : 1;
  return rows;
}

constexpr Index kTokens = 16;  // of the lines below
constexpr Index kOthers = 8;   // that come in the last one's place

// How many of 16 results differ: if the batch is split into halves; if it is reversed (each token's result
// against its own). And in how many of 8 x 15 pairs another last token changes an earlier one.
struct Dependence {
  const char* line;
  Index split, reversed, later;
};

constexpr Dependence kDependence[] = {
    // Tokens on their own. What is drawn is drawn by place: reversed, tokens meet others' draws.
    {"preset=mixtral", 0, 0, 0},
    {"preset=hash K=1", 0, 0, 0},
    {"preset=mixtral later=random", 0, 6, 0},
    {"preset=shazeer2017 training=1", 0, 16, 0},
    {"preset=thor K=1", 0, 14, 0},
    {"preset=thor K=1 training=1", 0, 0, 0},
    {"variant=dense preset=mixtral", 0, 0, 0},
    {"variant=hierarchical preset=mixtral E=9", 0, 0, 0},
    // Places. In the order of tokens no later one takes an earlier one's place; with scores the order in which
    // tokens come is nothing, as no two of these tie.
    {"preset=mixtral C=5 priority=token", 7, 15, 0},
    {"preset=mixtral C=5 priority=choice", 9, 10, 2},
    {"preset=mixtral C=5 priority=score", 9, 0, 14},
    {"preset=mixtral C=5 priority=confidence", 9, 0, 17},
    {"variant=hierarchical preset=mixtral E=9 C=5 priority=token", 7, 16, 0},
    {"variant=hierarchical preset=mixtral E=9 C=5 priority=choice", 9, 12, 3},
    // Shares: T/E tokens for each expert in training.
    {"preset=base K=1", 0, 0, 0},
    {"preset=base K=1 training=1", 7, 0, 24},
    // Expert choice: a token's sum is over experts, so reversed tokens give the same bits, but where two tie
    // for an expert's last place the earlier one has it.
    {"variant=expert_choice preset=expert_choice C=3", 8, 0, 10},
    {"variant=expert_choice preset=expert_choice C=3 cap=1", 5, 0, 10},
    {"variant=expert_choice preset=expert_choice C=4 gen=wild", 8, 2, 5},
    // Soft: sums over tokens are made in their order, so that even the same tokens reversed round otherwise.
    {"variant=soft preset=soft_moe S=2", 16, 16, 120},
};

TEST_P(EveryTier, WhatTravelsAlongChangesThatManyResults) {
  for (const Dependence& row : kDependence) {
    std::string line = std::string(row.line) + " T=16 D=8 F=6 seed=5";
    for (const char* size : {" E=4", " K=2"})
      if (line.find(std::string(size, 3)) == std::string::npos) line += size;
    Case c = parse_case(line);
    const Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Batch batch = check::make_batch(c);
    const auto result = [&](const Matrix& tokens, const Batch& own) { return run(tier(), layer, tokens, 1, own).y; };
    const Matrix y = result(x, batch);
    constexpr Index half = kTokens / 2;
    const Matrix first = result(x.topRows(half), part_of(batch, 0, half));
    const Matrix second = result(x.bottomRows(half), part_of(batch, half, half));
    EXPECT_EQ(differing(y.topRows(half), first) + differing(y.bottomRows(half), second), row.split) << c.text();

    Batch backwards = batch;
    std::reverse(backwards.ids.begin(), backwards.ids.end());
    EXPECT_EQ(differing(y.colwise().reverse(), result(x.colwise().reverse(), backwards)), row.reversed) << c.text();

    c.T = kTokens + kOthers;
    const Matrix others = check::make_tokens(c);
    Index later = 0;
    for (Index i = 0; i < kOthers; i++) {
      Matrix changed = x;
      changed.row(kTokens - 1) = others.row(kTokens + i);
      later += differing(y.topRows(kTokens - 1), result(changed, batch).topRows(kTokens - 1));
    }
    EXPECT_EQ(later, row.later) << c.text();
  }
}

// Results of the second half that differ if it does not say where it begins.
TEST_P(EveryTier, DrawsBelongToAPlace) {
  const std::pair<const char*, Index> lines[] = {
      {"preset=mixtral T=16 D=8 F=6 E=4 K=2 later=random", 4},
      {"preset=shazeer2017 T=16 D=8 F=6 E=4 K=2 training=1", 8},
      {"preset=random_baseline T=16 D=8 F=6 E=4 K=2", 7},
      {"preset=thor T=16 D=8 F=6 E=4 K=1", 6},
      {"variant=hierarchical preset=shazeer2017_two_level T=16 D=8 F=6 E=8 K=2 training=1", 8},
      {"preset=mixtral T=16 D=8 F=6 E=4 K=2", 0},
  };
  for (const auto& [line, expected] : lines) {
    const Case c = parse_case(line);
    const Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Batch batch = check::make_batch(c);
    const Matrix y = run(tier(), layer, x, 1, batch).y;
    Batch second = part_of(batch, 8, 8);
    second.first = 0;
    EXPECT_EQ(differing(y.bottomRows(8), run(tier(), layer, x.bottomRows(8), 1, second).y), expected) << line;
  }
}

}  // namespace
}  // namespace moe::test
