// Laws of the variants, on every tier: what must hold whatever the numbers, and one that does not hold,
// with its number.
#include <gtest/gtest.h>

#include <cmath>

#include "reference/hierarchical.h"
#include "reference/soft.h"
#include "reference/sparse.h"
#include "tests/support/rows.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;
using check::parse_case;

class Laws : public ::testing::TestWithParam<std::size_t> {
 protected:
  const check::Tier& tier() const { return check::tiers()[GetParam()]; }
  void SetUp() override {
    if (!tier().skipped.empty()) GTEST_SKIP() << tier().name << ": " << tier().skipped;
  }
};

INSTANTIATE_TEST_SUITE_P(, Laws, ::testing::Range<std::size_t>(0, 4), [](const auto& at) {
  std::string name = check::tiers()[at.param].name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

Pass run_case(const check::Tier& tier, const Case& c) {
  return run(tier, check::make_layer(c), check::make_tokens(c), 2, check::make_batch(c));
}

// As many places as tokens: dropless, bit for bit.
TEST_P(Laws, PlacesForAllIsDropless) {
  for (const Preset& row : dropless_rows()) {
    Case c = case_of(row, "T=9 D=7 F=5 E=6 K=3 route=skew:1");
    const Pass dropless = run_case(tier(), c);
    for (const Index C : {Index{9}, Index{100}}) {
      c.C = C;
      EXPECT_TRUE(same_bits(dropless.y, run_case(tier(), c).y)) << c.text();
    }
  }
}

// No places: the experts give nothing, the shared expert all.
TEST_P(Laws, NoPlacesLeaveTheSharedExpert) {
  for (const Preset& row : dropless_rows()) {
    const Case c = case_of(row, "T=5 D=7 F=5 E=6 K=2 C=0");
    const Pass pass = run_case(tier(), c);
    const Matrix combined = stage(pass.trace, "combined");
    EXPECT_TRUE(same_bits(Matrix::Zero(5, combined.cols()), combined)) << c.text();
    EXPECT_EQ(pass.trace.find("shared") != nullptr, row.shared != SharedKind::none);
    if (row.shared == SharedKind::none && !row.residual) {
      EXPECT_TRUE(same_bits(Matrix::Zero(5, 7), pass.y));
    }
  }
}

// A limit on places: what a later token asks for never takes an earlier one's place in the order of
// tokens, and does where scores are compared.
TEST_P(Laws, PlacesMakeTokensDependOnEachOther) {
  Case c = parse_case("preset=mixtral T=12 D=8 F=6 E=4 K=2 C=2 route=skew:1 seed=5");
  const auto changed = [&](Priority priority) {
    c.priority = priority;
    const Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Matrix all = run(tier(), layer, x).y;
    const Matrix first = run(tier(), layer, Matrix(x.topRows(6))).y;
    Index tokens = 0;
    for (Index t = 0; t < 6; t++)
      tokens += same_bits(Matrix(all.row(t)), Matrix(first.row(t))) ? 0 : 1;
    return tokens;
  };
  EXPECT_EQ(changed(Priority::token), 0);
  EXPECT_GT(changed(Priority::choice), 0);
  EXPECT_GT(changed(Priority::score), 0);
}

// Expert choice: every expert takes exactly C tokens; the last token can change the first one's result.
TEST_P(Laws, ExpertChoiceLoadsAreExact) {
  for (const Index C : {Index{1}, Index{3}, Index{8}}) {
    Case c = parse_case("variant=expert_choice preset=expert_choice T=16 D=9 F=6 E=4 K=1 batch=8");
    c.C = C;
    const Pass pass = run_case(tier(), c);
    const IntMatrix positions = int_stage(pass.trace, "positions");
    for (Index e = 0; e < 4; e++)
      for (Index g = 0; g < 2; g++) {
        Index load = 0;
        for (Index t = 8 * g; t < 8 * g + 8; t++) load += positions(t, e) >= 0 ? 1 : 0;
        EXPECT_EQ(load, C) << "expert " << e << " batch " << g;
      }
  }
  const Case c = parse_case("variant=expert_choice preset=expert_choice T=8 D=9 F=6 E=4 K=1 C=2 seed=3");
  const Layer layer = check::make_layer(c);
  Matrix x = check::make_tokens(c);
  const Matrix before = run(tier(), layer, x).y;
  int dependent = 0;  // tokens whose result another, later token can change: not causal
  for (Index scale = 1; scale <= 4; scale++) {
    Matrix other = x;
    other.row(7) = x.row(scale - 1) * 8;
    const Matrix after = run(tier(), layer, other).y;
    for (Index t = 0; t < 7; t++)
      dependent += same_bits(Matrix(before.row(t)), Matrix(after.row(t))) ? 0 : 1;
  }
  EXPECT_GT(dependent, 0);
}

// With a cap no token has more experts than that, and as many slots are filled as the sizes allow; one of E or more is none.
TEST_P(Laws, CapsOnExpertsPerTokenHold) {
  int bound = 0;  // choices that the cap changed
  for (const char* family : {"normal", "wild", "exact"})
    for (const Index C : {Index{0}, Index{2}, Index{5}, Index{8}})
      for (const Index cap : {Index{1}, Index{2}, Index{3}, Index{4}, Index{9}}) {
        Case c = parse_case(std::string("variant=expert_choice preset=expert_choice T=16 D=9 F=6 E=4 K=1 batch=8 gen=") + family);
        c.C = C;
        const Pass without = run_case(tier(), c);
        c.cap = cap;
        const Pass pass = run_case(tier(), c);
        const bool same = same_trace(without.trace, pass.trace, tier().name, c.text());
        if (cap >= 4) {
          EXPECT_TRUE(same && same_bits(without.y, pass.y)) << c.text();
        }
        bound += same ? 0 : 1;
        const IntMatrix positions = int_stage(pass.trace, "positions");
        for (Index g = 0; g < 2; g++) {
          const auto taken = positions.middleRows(8 * g, 8).array() >= 0;
          EXPECT_LE(taken.rowwise().count().maxCoeff(), cap) << c.text();
          EXPECT_LE(taken.colwise().count().maxCoeff(), C) << c.text();
          EXPECT_EQ(taken.count(), std::min(4 * C, 8 * std::min(cap, Index{4}))) << c.text();
        }
      }
  EXPECT_GT(bound, 10);
}

// Tokens that nobody takes get exactly +0.
TEST_P(Laws, ATokenNobodyTakesGetsZero) {
  const Case c = parse_case("variant=expert_choice preset=expert_choice T=16 D=5 F=4 E=2 K=1 C=2 seed=9");
  const Pass pass = run_case(tier(), c);
  const IntMatrix positions = int_stage(pass.trace, "positions");
  Index alone = 0;
  for (Index t = 0; t < 16; t++) {
    if ((positions.row(t).array() >= 0).any()) continue;
    alone++;
    EXPECT_TRUE(same_bits(Matrix::Zero(1, 5), Matrix(pass.y.row(t))));
  }
  EXPECT_GE(alone, 12);
}

// Columns of the dispatch weights and rows of the combine weights sum to 1. Each of n terms is a
// quotient e/s, rounded once, where s is a chain of n additions: the sum of the exact quotients is 1,
// each is off by at most (n + 1) units of 2^-24 relative to itself (n - 1 roundings in s, one in e, one in
// the division), and the chain here is binary64.
TEST_P(Laws, SoftWeightsSumToOne) {
  const Case c = parse_case("variant=soft preset=soft_moe T=20 batch=10 D=12 F=6 E=4 S=3");
  const Pass pass = run_case(tier(), c);
  const Matrix dispatch = stage(pass.trace, "scores"), combine = stage(pass.trace, "weights");
  for (Index g = 0; g < 2; g++)
    for (Index p = 0; p < 12; p++)
      EXPECT_NEAR(dispatch.middleRows(10 * g, 10).col(p).cast<double>().sum(), 1, 11 * 0x1p-24);
  for (Index t = 0; t < 20; t++)
    EXPECT_NEAR(combine.row(t).cast<double>().sum(), 1, 13 * 0x1p-24);
}

// Permuting the tokens of a group permutes nothing but sums over tokens: with one token per group the
// slots are that token, whatever the weights.
TEST_P(Laws, SoftWithOneTokenMixesThatToken) {
  const Case c = parse_case("variant=soft preset=mixtral T=5 batch=1 D=6 F=4 E=3 S=2");
  const Pass pass = run_case(tier(), c);
  const Matrix x = check::make_tokens(c), slots = stage(pass.trace, "dispatched");
  for (Index e = 0; e < 3; e++)
    for (Index g = 0; g < 5; g++)
      for (Index s = 0; s < 2; s++)
        EXPECT_TRUE(same_bits(Matrix(x.row(g)), Matrix(slots.row((e * 5 + g) * 2 + s))));
}

// Dense: all experts, and with one expert its network, weighted by 1.
TEST_P(Laws, DenseVisitsAll) {
  const Pass pass = run_case(tier(), parse_case("variant=dense preset=mixtral T=6 D=5 F=4 E=5 K=1"));
  const IntMatrix selected = int_stage(pass.trace, "selected");
  for (Index t = 0; t < 6; t++)
    for (Index e = 0; e < 5; e++) EXPECT_EQ(selected(t, e), e);
  const Case one = parse_case("variant=dense preset=mixtral T=6 D=5 F=4 E=1 K=1");
  Case sparse = one;
  sparse.variant = "sparse";
  EXPECT_TRUE(same_bits(run_case(tier(), one).y, run_case(tier(), sparse).y));
}

// Two levels that each choose everything are the flat softmax, where a group's logit is the
// log-sum-exp of its members': here all inner logits of a group are equal to the group's minus ln E2, so
// that both are known, and the weights agree within a few roundings of their exact value.
TEST_P(Laws, TwoLevelsAreTheFlatSoftmax) {
  const Index E1 = 3, E2 = 2, D = 4;
  HierarchicalLayer layer;
  const Case c = parse_case("variant=hierarchical preset=shazeer2017_two_level T=7 D=4 F=3 E=6 K=2 inner=2");
  layer = std::get<HierarchicalLayer>(check::make_layer(c));
  layer.outer.config.chosen = E1;
  for (Index i = 0; i < E1; i++) {
    layer.inner[std::size_t(i)].config.chosen = E2;
    layer.inner[std::size_t(i)].weight = layer.outer.weight.row(i).replicate(E2, 1);
  }
  const Matrix x = check::make_tokens(c);
  const Pass pass = run(tier(), layer, x);
  const Matrix weights = stage(pass.trace, "slot_weights");
  const IntMatrix selected = int_stage(pass.trace, "slot_selected");
  for (Index t = 0; t < x.rows(); t++) {
    double sum = 0, z[3];
    for (Index i = 0; i < E1; i++) {
      z[i] = 0;
      for (Index d = 0; d < D; d++) z[i] += double{x(t, d)} * double{layer.outer.weight(i, d)};
      sum += 2 * std::exp(z[i]);
    }
    for (Index k = 0; k < E1 * E2; k++) {
      const double flat = std::exp(z[selected(t, k) / E2]) / sum;
      // The logits are off by 4 roundings of at most sum |x w|; softmax and product add 8 more.
      EXPECT_NEAR(double{weights(t, k)}, flat, flat * 0x1p-24 * (8 + 64)) << t << " " << k;
    }
  }
}

// Switch is the general pipeline with one choice, its probability, and places.
TEST_P(Laws, SwitchIsTopOneOfThePipeline) {
  const Case c = parse_case("preset=switch T=10 D=6 F=5 E=4 K=1 C=2 route=skew:1");
  const auto layer = std::get<SparseLayer>(check::make_layer(c));
  EXPECT_EQ(layer.router.config.normalisation, Normalisation::none);
  const Pass pass = run(tier(), layer, check::make_tokens(c));
  const Matrix scores = stage(pass.trace, "scores"), kept = stage(pass.trace, "kept_weights");
  Index dropped = 0;
  for (Index t = 0; t < 10; t++) {
    const float best = scores.row(t).maxCoeff();
    EXPECT_TRUE(kept(t, 0) == best || kept(t, 0) == 0);
    dropped += kept(t, 0) == 0 ? 1 : 0;
  }
  EXPECT_GT(dropped, 0);
}

}  // namespace
}  // namespace moe::test
