// Laws of the variants, on every tier: what must hold whatever the numbers. Those of who travels along are in
// batch_laws_test.cpp, the ends of every range in edges_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/router.h"
#include "tests/support/every_tier.h"
#include "tests/support/rows.h"

namespace moe::test {
namespace {

using check::Case;
using check::parse_case;

// As many places as tokens: dropless, bit for bit.
TEST_P(EveryTier, PlacesForAllIsDropless) {
  std::vector<Case> cases;
  for (const Preset& row : dropless_rows()) cases.push_back(case_of(row, "T=9 D=7 F=5 E=6 K=3 route=skew:1"));
  for (const char* row : {"mixtral", "shazeer2017_two_level", "deepseek_v3"})
    cases.push_back(parse_case(std::string("variant=hierarchical T=9 D=7 F=5 E=6 K=2 route=one preset=") + row));
  for (Case c : cases) {
    const Pass dropless = run_case(tier(), c);
    for (const Index C : {Index{9}, Index{100}}) {
      c.C = C;
      EXPECT_TRUE(same_bits(dropless.y, run_case(tier(), c).y)) << c.text();
    }
    c.C = 1;  // and a limit is one
    EXPECT_FALSE(same_bits(dropless.y, run_case(tier(), c).y)) << c.text();
  }
}

// No places: the experts give nothing, the shared expert all.
TEST_P(EveryTier, NoPlacesLeaveTheSharedExpert) {
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

// Expert choice: every expert takes exactly C tokens of each group.
TEST_P(EveryTier, ExpertChoiceLoadsAreExact) {
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
}

// With a cap no token has more experts than that, and as many slots are filled as the sizes allow; one of E or more is none.
TEST_P(EveryTier, CapsOnExpertsPerTokenHold) {
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
TEST_P(EveryTier, ATokenNobodyTakesGetsZero) {
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

// Columns of the dispatch weights and rows of the combine weights sum to 1 within a bound. Of n numerators e_i,
// taken as they were rounded, a chain of n additions from +0 makes s = (sum of e)(1 + a), |a| <= (1 + u)^(n-1) - 1
// with u = 2^-24, as the first addition rounds nothing; p_i = (e_i / s)(1 + d_i), |d_i| <= u, or off by 2^-150
// where it is subnormal. The exact sum of p is thus 1 within (1 + u) / (1 - u)^(n-1) - 1 <= n u / (1 - n u), and
// n 2^-150; a chain in binary64 adds n 2^-53 to the number found here.
TEST_P(EveryTier, SoftWeightsSumToOne) {
  const auto off = [](Index n) {
    const double nu = static_cast<double>(n) * 0x1p-24;
    return nu / (1 - nu) + static_cast<double>(n) * (0x1p-53 + 0x1p-150);
  };
  for (const char* preset : {"soft_moe", "soft_moe_rms", "mixtral"})
    for (const auto& [m, S, family] :
         {std::tuple{1, 1, "normal"}, {2, 3, "exact"}, {10, 3, "normal"}, {31, 1, "exact"}, {127, 2, "normal"}}) {
      Case c = parse_case(std::string("variant=soft D=12 F=6 E=4 preset=") + preset + " gen=" + family);
      c.batch = m;
      c.T = 2 * m;
      c.S = S;
      const Pass pass = run_case(tier(), c);
      const Matrix dispatch = stage(pass.trace, "scores"), combine = stage(pass.trace, "weights");
      for (Index g = 0; g < 2; g++)
        for (Index p = 0; p < 4 * S; p++)
          EXPECT_NEAR(dispatch.middleRows(m * g, m).col(p).cast<double>().sum(), 1, off(m)) << c.text();
      for (Index t = 0; t < c.T; t++)
        EXPECT_NEAR(combine.row(t).cast<double>().sum(), 1, off(4 * S)) << c.text();
    }
}

// With one token per group the slots are that token, whatever the weights.
TEST_P(EveryTier, SoftWithOneTokenMixesThatToken) {
  const Case c = parse_case("variant=soft preset=mixtral T=5 batch=1 D=6 F=4 E=3 S=2");
  const Pass pass = run_case(tier(), c);
  const Matrix x = check::make_tokens(c), slots = stage(pass.trace, "dispatched");
  for (Index e = 0; e < 3; e++)
    for (Index g = 0; g < 5; g++)
      for (Index s = 0; s < 2; s++)
        EXPECT_TRUE(same_bits(Matrix(x.row(g)), Matrix(slots.row((e * 5 + g) * 2 + s))));
}

// Dense: all experts, and with one expert its network, weighted by 1.
TEST_P(EveryTier, DenseVisitsAll) {
  const Pass pass = run_case(tier(), parse_case("variant=dense preset=mixtral T=6 D=5 F=4 E=5 K=1"));
  const IntMatrix selected = int_stage(pass.trace, "selected");
  for (Index t = 0; t < 6; t++)
    for (Index e = 0; e < 5; e++) EXPECT_EQ(selected(t, e), e);
  const Case one = parse_case("variant=dense preset=mixtral T=6 D=5 F=4 E=1 K=1");
  Case sparse = one;
  sparse.variant = "sparse";
  EXPECT_TRUE(same_bits(run_case(tier(), one).y, run_case(tier(), sparse).y));
}

// Two levels that each choose everything are the flat softmax where a group's logit is the log-sum-exp of its
// members'. The inner logits z [E1,E2] of one token are taken as the tier rounded them, the outer ones l are
// biases, so rounded once. In units of u = 2^-24 a softmax over n values at most r apart is off by 2 (1 + r) for
// the numerators (each exp rounds, and its argument, of size r, moves it by r; the sum moves as much), n - 1 for
// the chain and 1 for the division; biases of size b move it by 2 b more; the product of both levels rounds once.
TEST_P(EveryTier, TwoLevelsAreTheFlatSoftmax) {
  const Index E1 = 3, E2 = 4;
  const Case c = parse_case("variant=hierarchical preset=shazeer2017_two_level T=7 D=4 F=3 E=12 K=2 inner=4");
  const Matrix x = check::make_tokens(c);
  for (Index t = 0; t < c.T; t++) {
    auto layer = std::get<HierarchicalLayer>(check::make_layer(c));
    layer.outer.config.chosen = E1;
    layer.outer.weight.setZero();
    layer.outer.bias.resize(E1);
    Eigen::MatrixXd z(E1, E2);
    double r = 0, b = 0;
    for (Index i = 0; i < E1; i++) {
      layer.inner[std::size_t(i)].config.chosen = E2;
      z.row(i) = reference::linear(x.row(t), layer.inner[std::size_t(i)].weight, Vector()).cast<double>();
      layer.outer.bias[i] = static_cast<float>(std::log(z.row(i).array().exp().sum()));
      r = std::max(r, z.row(i).maxCoeff() - z.row(i).minCoeff());
      b = std::max(b, std::fabs(double{layer.outer.bias[i]}));
    }
    const double outer_r = double{layer.outer.bias.maxCoeff()} - double{layer.outer.bias.minCoeff()};
    const double units = 2 * (1 + outer_r + b) + E1 + 2 * (1 + r) + E2 + 1;
    const Pass pass = run(tier(), layer, x.row(t));
    const Matrix weights = stage(pass.trace, "slot_weights");
    const IntMatrix selected = int_stage(pass.trace, "slot_selected");
    std::set<std::int32_t> experts;
    for (Index k = 0; k < E1 * E2; k++) {
      const Index e = selected(0, k);
      experts.insert(selected(0, k));
      const double flat = std::exp(z(e / E2, e % E2)) / z.array().exp().sum();
      EXPECT_NEAR(double{weights(0, k)}, flat, flat * 1.01 * units * 0x1p-24) << t << " " << k;
    }
    EXPECT_EQ(experts.size(), 12U);
  }
}

// Switch is the general pipeline with one choice: y = p_e FFN_e(x) of the most probable expert, if it has a place
// left for this token, else +0.
TEST_P(EveryTier, SwitchIsTopOneOfThePipeline) {
  const Case c = parse_case("preset=switch T=10 D=6 F=5 E=4 K=1 C=2 route=skew:1");
  const auto layer = std::get<SparseLayer>(check::make_layer(c));
  const Matrix x = check::make_tokens(c);
  const Matrix logits = reference::linear(x, layer.router.weight, Vector());
  Matrix y = Matrix::Zero(10, 6);
  std::vector<Index> taken(4, 0);
  Index dropped = 0;
  for (Index t = 0; t < 10; t++) {
    const std::vector<float> p = reference::softmax({logits.row(t).begin(), logits.row(t).end()});
    const auto e = static_cast<std::size_t>(std::ranges::max_element(p) - p.begin());
    dropped += taken[e] == 2 ? 1 : 0;
    if (taken[e] == 2) continue;
    taken[e]++;
    const Ffn& ffn = layer.experts.ffn[e];
    const Matrix hidden = reference::hidden_values(layer.experts.activation, ffn, x.row(t));
    const Matrix out = reference::linear(hidden, ffn.down, ffn.down_bias);
    for (Index d = 0; d < 6; d++) y(t, d) = std::fma(p[e], out(0, d), 0.0F);
  }
  EXPECT_TRUE(same_bits(y, run(tier(), layer, x).y));
  EXPECT_EQ(dropped, 4);
}

}  // namespace
}  // namespace moe::test
