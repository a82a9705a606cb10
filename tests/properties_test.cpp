// Laws that hold for every layer, on every tier that runs here. Those of who travels along are in batch_laws_test.cpp.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "reference/error.h"
#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/presets.h"
#include "reference/sparse.h"
#include "tests/support/every_tier.h"
#include "tests/support/rows.h"

namespace moe::test {
namespace {

using check::Case;
using check::make_sparse_layer;
using check::make_tokens;
using check::parse_case;

std::vector<Case> some_cases() {
  std::vector<Case> cases;
  for (const Preset& row : plain_rows())
    for (const char* rest : {"T=13 D=9 F=7 E=8 K=2 seed=3 gen=normal route=skew:1",
                             "T=13 D=18 F=5 E=6 K=3 seed=4 gen=wild route=uniform"})
      cases.push_back(case_of(row, rest));
  return cases;
}

// One expert that everybody visits with weight 1 is the network itself.
TEST_P(EveryTier, OneExpertIsTheDenseNetwork) {
  for (const char* name :
       {"mixtral", "olmoe", "qwen3_moe", "gpt_oss", "granite", "dbrx", "phimoe"}) {
    const Case c = parse_case(std::string("preset=") + name + " T=6 D=10 F=7 E=1 K=1 seed=8");
    const SparseLayer layer = make_sparse_layer(c);
    const Matrix x = make_tokens(c);
    const Pass pass = run(tier(), layer, x);
    EXPECT_TRUE(same_bits(Matrix::Ones(6, 1), stage(pass.trace, "weights"))) << name;
    const Ffn& ffn = layer.experts.ffn[0];
    const Matrix hidden = reference::hidden_values(layer.experts.activation, ffn, x);
    Matrix dense = reference::linear(hidden, ffn.down, ffn.down_bias);
    for (Index i = 0; i < dense.size(); i++) dense.data()[i] += 0.0F;  // a sum from +0 has no -0
    EXPECT_TRUE(same_bits(dense, pass.y)) << name;
  }
}

// Experts that return their input: y = x times the sum of the weights.
TEST_P(EveryTier, IdentityExpertsGiveTheTokensBack) {
  const Case c = parse_case("preset=granite T=17 D=6 F=6 E=8 K=4 seed=2");
  SparseLayer layer = make_sparse_layer(c);
  layer.experts.activation = {.function = Nonlinearity::identity, .gated = false};
  for (Ffn& ffn : layer.experts.ffn) {
    ffn.gate.resize(0, 0);
    ffn.up = ffn.down = Matrix::Identity(6, 6);
  }
  const Matrix x = make_tokens(c);
  const Matrix y = run(tier(), layer, x).y;
  for (Index i = 0; i < x.size();
       i++)  // 4 roundings of weights that sum to 1 within 4, 4 of products
    ASSERT_LE(std::fabs(y.data()[i] - x.data()[i]), 9 * 0x1p-24F * std::fabs(x.data()[i]));
  layer.router.weight.setZero();  // all tie: four weights of exactly 1/4
  EXPECT_TRUE(same_bits(x, run(tier(), layer, x).y));
  EXPECT_GT(x.norm(), 1);
}

TEST_P(EveryTier, ThreadsAndRepetitionChangeNothing) {
  for (const Case& c : some_cases()) {
    const SparseLayer layer = make_sparse_layer(c);
    const Matrix x = make_tokens(c);
    const Pass one = run(tier(), layer, x, 1);
    for (const int threads : {0, 1, 2, 5})
      ASSERT_TRUE(
          same_trace(one.trace, run(tier(), layer, x, threads).trace, tier().name, c.text()))
          << threads;
  }
}

TEST_P(EveryTier, ATraceChangesNothing) {
  for (const Case& c : some_cases()) {
    const Matrix x = make_tokens(c);
    const auto prepared = tier().prepare(make_sparse_layer(c), 2);
    Recording trace;
    const Matrix with = prepared->run(x, &trace);
    ASSERT_TRUE(same_bits(with, prepared->run(x, nullptr))) << c.text();
    ASSERT_TRUE(same_bits(with, stage(trace, "output"))) << c.text();
  }
}

TEST_P(EveryTier, StagesComeInOrderWithTheirShapes) {
  const Case c = parse_case("preset=qwen2_moe T=3 D=4 F=5 E=6 K=2 shared=7");
  const Pass pass = run(tier(), make_sparse_layer(c), make_tokens(c));
  const std::vector<std::pair<std::string, Shape>> expected{
      {"logits", {3, 6}},    {"scores", {3, 6}},     {"selected", {3, 2}}, {"weights", {3, 2}},
      {"positions", {3, 2}}, {"dispatched", {6, 4}}, {"hidden", {6, 5}},   {"expert_out", {6, 4}},
      {"combined", {3, 4}},  {"shared", {3, 4}},     {"output", {3, 4}}};
  ASSERT_EQ(pass.trace.stages.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); i++) {
    EXPECT_EQ(pass.trace.stages[i].name, expected[i].first);
    EXPECT_EQ(pass.trace.stages[i].shape, expected[i].second) << expected[i].first;
  }
}

// Where a token's weights do not depend on the order of all experts, other names for them change
// nothing but the names.
TEST_P(EveryTier, PermutingExpertsRenamesThem) {
  for (const char* name : {"gpt_oss", "granite", "llama4", "deepseek_v3"}) {
    const Case c =
        parse_case(std::string("preset=") + name + " T=15 D=8 F=6 E=8 K=3 groups=1 kept=1 seed=6");
    const SparseLayer layer = make_sparse_layer(c);
    const Matrix x = make_tokens(c);
    const Pass before = run(tier(), layer, x);
    SparseLayer renamed = layer;
    const auto to = [](Index e) { return (e * 3 + 5) % 8; };
    for (Index e = 0; e < 8; e++) {
      renamed.router.weight.row(to(e)) = layer.router.weight.row(e);
      if (layer.router.bias.size() != 0) renamed.router.bias[to(e)] = layer.router.bias[e];
      if (layer.router.selection_bias.size() != 0)
        renamed.router.selection_bias[to(e)] = layer.router.selection_bias[e];
      renamed.experts.ffn[std::size_t(to(e))] = layer.experts.ffn[std::size_t(e)];
    }
    const Pass after = run(tier(), renamed, x);
    EXPECT_TRUE(same_bits(before.y, after.y)) << name;
    EXPECT_TRUE(same_bits(stage(before.trace, "weights"), stage(after.trace, "weights"))) << name;
    IntMatrix selected = int_stage(before.trace, "selected");
    for (Index i = 0; i < selected.size(); i++)
      selected.data()[i] = static_cast<std::int32_t>(to(selected.data()[i]));
    EXPECT_EQ(selected, int_stage(after.trace, "selected")) << name;
  }
}

TEST_P(EveryTier, OutputIsRoutedPlusShared) {
  for (const char* name : {"qwen2_moe", "deepseek_v2", "llama4", "mixtral"}) {
    const Case c = parse_case(std::string("preset=") + name + " T=7 D=6 F=5 E=4 K=1 seed=9");
    SparseLayer layer = make_sparse_layer(c);
    const Matrix x = make_tokens(c);
    Pass pass = run(tier(), layer, x);
    Matrix sum = stage(pass.trace, "combined");
    if (layer.shared) sum += stage(pass.trace, "shared");
    EXPECT_TRUE(same_bits(sum, pass.y)) << name;
    EXPECT_EQ(pass.trace.find("shared") != nullptr, layer.shared.has_value());
    if (!layer.shared) continue;
    for (Ffn& ffn : layer.experts.ffn) ffn.down.setZero();
    pass = run(tier(), layer, x);
    Matrix shared = stage(pass.trace, "shared");
    for (Index i = 0; i < shared.size(); i++) shared.data()[i] += 0.0F;
    EXPECT_TRUE(same_bits(shared, pass.y)) << name;
    EXPECT_GT(shared.norm(), 0.01) << name;
  }
}

TEST_P(EveryTier, ScaleIsLinearForPowersOfTwo) {
  const Case c = parse_case("preset=deepseek_v2 T=7 D=6 F=5 E=8 K=3 seed=9");
  SparseLayer layer = make_sparse_layer(c);
  const Matrix x = make_tokens(c);
  layer.router.config.scale = 1;
  const Pass one = run(tier(), layer, x);
  layer.router.config.scale = 8;
  const Pass eight = run(tier(), layer, x);
  for (const char* name : {"weights", "combined"})
    EXPECT_TRUE(same_bits(stage(one.trace, name) * 8.0F, stage(eight.trace, name))) << name;
  EXPECT_TRUE(same_bits(stage(one.trace, "shared"), stage(eight.trace, "shared")));
}

TEST_P(EveryTier, NonFiniteIsRefusedUnlessAllowed) {
  const Case c = parse_case("preset=mixtral T=4 D=6 F=5 E=4 K=2 seed=9");
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity()};
  for (const float value : bad) {
    SparseLayer layer = make_sparse_layer(c);
    Matrix x = make_tokens(c);
    x(2, 3) = value;
    EXPECT_THROW(run(tier(), layer, x), Error);
    layer.nonfinite = NonFinite::allow;
    const Pass pass = run(tier(), layer, x);
    Recording expected;
    reference::sparse(layer, x, &expected);
    EXPECT_TRUE(same_trace(expected, pass.trace, tier().name, c.text()));
    EXPECT_TRUE(pass.y.row(1).allFinite());  // other tokens do not notice
    EXPECT_FALSE(pass.y.row(2).allFinite());
    layer = make_sparse_layer(c);
    layer.experts.ffn[3].down(1, 2) = value;
    EXPECT_THROW(run(tier(), layer, make_tokens(c)), Error);
  }
}

// Expert 1's logit is NaN: it is chosen only where all experts are.
TEST_P(EveryTier, NanRanksLast) {
  for (const char* name : {"gpt_oss", "granite", "llama4", "deepseek_v3"}) {
    for (const Index K : {3, 4}) {
      const Case c = parse_case(std::string("preset=") + name +
                                " T=9 D=6 F=5 E=4 groups=1 kept=1 K=" + std::to_string(K));
      SparseLayer layer = make_sparse_layer(c);
      layer.nonfinite = NonFinite::allow;
      layer.router.weight(1, 2) = std::numeric_limits<float>::quiet_NaN();
      const Matrix x = make_tokens(c);
      const Pass pass = run(tier(), layer, x);
      const IntMatrix selected = int_stage(pass.trace, "selected");
      for (Index t = 0; t < c.T; t++)
        for (Index k = 0; k < K; k++) EXPECT_EQ(selected(t, k) == 1, k == 3) << name;
      Recording expected;
      reference::sparse(layer, x, &expected);
      EXPECT_TRUE(same_trace(expected, pass.trace, tier().name, c.text()));
      EXPECT_EQ(pass.y.allFinite(), K == 3) << name;
    }
  }
}

// A column of NaN weights in a softmax router spoils all scores; the choice is then by index.
TEST_P(EveryTier, AllScoresNanChoosesByIndex) {
  const Case c = parse_case("preset=mixtral T=3 D=6 F=5 E=6 K=3");
  SparseLayer layer = make_sparse_layer(c);
  layer.nonfinite = NonFinite::allow;
  layer.router.weight(4, 0) = std::numeric_limits<float>::quiet_NaN();
  const Pass pass = run(tier(), layer, make_tokens(c));
  const IntMatrix selected = int_stage(pass.trace, "selected");
  for (Index t = 0; t < c.T; t++)
    for (Index k = 0; k < 3; k++) EXPECT_EQ(selected(t, k), k);
}

// Equal logits everywhere, zeros of both signs: smaller indices win.
TEST_P(EveryTier, TiesGoToSmallerIndices) {
  for (const Preset& row : plain_rows()) {
    const Case c = parse_case("preset=" + std::string(row.name) + " T=5 D=4 F=3 E=8 K=4");
    SparseLayer layer = make_sparse_layer(c);
    layer.router.weight.setZero();
    layer.router.weight.row(2).setConstant(-0.0F);
    if (layer.router.bias.size() != 0) layer.router.bias.setZero();
    if (layer.router.selection_bias.size() != 0) layer.router.selection_bias.setZero();
    const IntMatrix selected = int_stage(run(tier(), layer, make_tokens(c)).trace, "selected");
    for (Index t = 0; t < c.T; t++)
      for (Index k = 0; k < 4; k++) EXPECT_EQ(selected(t, k), k) << row.name;
  }
}

// Duplicating a token gives the same row twice.
TEST_P(EveryTier, EqualTokensGetEqualOutputs) {
  for (const Case& c : some_cases()) {
    Matrix x = make_tokens(c);
    x.row(11) = x.row(2);
    const Pass pass = run(tier(), make_sparse_layer(c), x, 2);
    EXPECT_TRUE(same_bits(pass.y.row(2), pass.y.row(11))) << c.text();
  }
}

}  // namespace
}  // namespace moe::test
