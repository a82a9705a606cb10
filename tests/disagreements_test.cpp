// Where a paper and programs, or two programs, disagree: both sides on an example small enough for paper.
// The subjects are the rows of the specification's list of disagreements.
#include <gtest/gtest.h>

#include <cmath>

#include "reference/capacity.h"
#include "reference/capped_choice.h"
#include "reference/losses.h"
#include "reference/presets.h"
#include "reference/router.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using namespace moe::reference;

std::vector<float> logarithms(const std::vector<double>& values) {
  std::vector<float> z;
  for (const double v : values) z.push_back(static_cast<float>(std::log(v)));
  return z;
}

// Weights of those K that the config chooses from logits z.
std::vector<float> weights_of(const RouterConfig& config, const std::vector<float>& z) {
  const std::vector<float> s = scores(config.score, z);
  return weights(config, z, s, top_k(s, config.chosen));
}

// Scores 0.6, 0.3, 0.1. A logit rounds by at most 1.8 u: 4 u on p with its reference's 6, 3 more to divide.
TEST(Disagreements, StMoeTopTwoWeights) {
  const std::vector<float> z = logarithms({6, 3, 1});
  const RouterConfig port = preset("st_moe").router;
  RouterConfig flaxformer = port;
  flaxformer.normalisation = Normalisation::none;
  const std::vector<float> normalised = weights_of(port, z), raw = weights_of(flaxformer, z);
  near(normalised[0], 2.0 / 3, 13, 0);
  near(normalised[1], 1.0 / 3, 13, 0);
  near(raw[0], 0.6, 10, 0);
  near(raw[1], 0.3, 10, 0);
}

// S tokens, E experts, factor c. The rules of the tree count a factor in all, so K = 1.
TEST(Disagreements, ExpertChoiceCapacity) {
  struct Row {
    Index S, E;
    double c;
    Index paper, precedence, lingvo, flaxformer, vmoe;
  };
  const Row rows[] = {{64, 8, 2, 16, 64, 16, 16, 16},
                      {100, 8, 2, 25, 96, 28, 25, 28},
                      {44, 8, 2, 11, 40, 12, 11, 12},
                      {50, 8, 2, 12, 48, 12, 12, 16},  // 12.5
                      {30, 8, 2, 7, 24, 8, 8, 8},      // 7.5
                      {8, 16, 1, 0, 0, 4, 4, 4}};
  for (const Row& row : rows) {
    const auto rule = [&](CapacityRule kind) { return places({.rule = kind, .factor = row.c}, row.S, row.E, 1); };
    EXPECT_EQ(rule(CapacityRule::megablocks), row.paper) << row.S;  // n c / e, rounded down
    EXPECT_EQ(row.S / row.E * row.E, row.precedence) << row.S;      // (S // E) * E: nearly all tokens
    EXPECT_EQ(rule(CapacityRule::lingvo), row.lingvo) << row.S;
    EXPECT_EQ(rule(CapacityRule::flaxformer), row.flaxformer) << row.S;
    EXPECT_EQ(rule(CapacityRule::vmoe), row.vmoe) << row.S;
  }
}

// Three tokens, two experts, one place each and one expert a token. Over experts token 0 is undecided (0.73,
// 0.27) and goes without; over tokens expert 0 wants it above all (0.95, 0.01, 0.05).
TEST(Disagreements, ExpertChoiceCappedSoftmaxAxis) {
  const Matrix z = matrix({{5, 4}, {0, 2}, {2, 0}});
  const Matrix over_experts = softmax_rows(z);
  const Matrix over_tokens = softmax_rows(Matrix(z.transpose())).transpose();
  EXPECT_EQ(capped_choice(over_experts, 1, 1), integers({{2}, {1}}));
  EXPECT_EQ(capped_choice(over_tokens, 1, 1), integers({{0}, {1}}));
  near(over_experts(0, 0), 0.731058579, 6);
  near(over_tokens(0, 0), 0.946499123, 8);
}

// Kimi K2 and GLM have one group: its code must change nothing, and where groups hold one expert the sum of
// the two best is that one.
TEST(Disagreements, OneGroupIsNoLimit) {
  const std::vector<float> s{.25F, .75F, .5F, .125F};
  for (const char* name : {"kimi_k2", "glm4_5", "glm4_5_air"}) {
    Router router;
    router.config = preset(name).router;
    EXPECT_EQ(router.config.groups.count, 1) << name;
    router.selection_bias = vector({.5F, 0, 0, 0});
    for (const GroupScore judged : {GroupScore::max, GroupScore::sum_of_top2}) {
      router.config.groups = {.count = 1, .kept = 1, .score = judged, .excluded_key = -1};
      EXPECT_EQ(selection_keys(router, s), (std::vector<float>{.75F, .75F, .5F, .125F})) << name;
    }
    router.config.groups = {.count = 4, .kept = 2, .score = GroupScore::sum_of_top2, .excluded_key = -1};
    EXPECT_EQ(selection_keys(router, s), (std::vector<float>{.75F, .75F, -1, -1})) << name;
    router.config.groups.count = 2;  // 1.5 against 0.625
    router.config.groups.kept = 1;
    EXPECT_EQ(selection_keys(router, s), (std::vector<float>{.75F, .75F, -1, -1})) << name;
  }
}

// Logits log 4, log 2, log 1 and a bias of log 4 on expert 1: scores 4/13, 8/13, 1/13 with it and 4/7, 2/7,
// 1/7 without. Another expert, another weight.
TEST(Disagreements, LongCatRouterBias) {
  Router router;
  router.config = preset("longcat").router;
  router.config.chosen = 1;
  router.weight.resize(3, 1);
  for (Index e = 0; e < 3; e++) router.weight(e, 0) = logarithms({4, 2, 1})[std::size_t(e)];
  router.selection_bias = Vector::Zero(3);
  router.bias = vector({0, logarithms({4})[0], 0});
  const Matrix x = matrix({{1}});
  const Routing told = route(router, x, nullptr);
  router.bias.setZero();  // as Hugging Face reads it
  const Routing ignored = route(router, x, nullptr);
  EXPECT_EQ(told.selected(0, 0), 1);
  EXPECT_EQ(ignored.selected(0, 0), 0);
  near(told.weights(0, 0), 6 * 8.0 / 13, 15, 0);
  near(ignored.weights(0, 0), 6 * 4.0 / 7, 15, 0);
}

// One token, two groups of four, one kept, K = 4. Paper and Megatron: the four best scores, over their sum.
// MaxText: those of the biased choice within its group, and the softmax of the biased scores.
TEST(Disagreements, DeepSeekV3SequenceLoss) {
  const Matrix s = matrix({{.40F, .35F, .05F, .06F, .30F, .31F, .02F, .03F}});
  Router router;
  router.config = preset("deepseek_v3").router;
  router.config.groups = {.count = 2, .kept = 1, .score = GroupScore::sum_of_top2};
  router.selection_bias = vector({0, 0, -.2F, -.2F, 0, 0, 0, 0});
  const std::vector<Index> chosen = top_k(selection_keys(router, {s.row(0).begin(), s.row(0).end()}), 4);
  IntMatrix biased(1, 4);
  for (Index k = 0; k < 4; k++) biased(0, k) = static_cast<std::int32_t>(chosen[std::size_t(k)]);
  EXPECT_EQ(best_experts(s, 4), integers({{0, 1, 5, 4}}));
  EXPECT_EQ(biased, integers({{0, 1, 3, 2}}));
  const float paper = balance_loss(balance_named("deepseek_v3"), s, best_experts(s, 4), 1, 1);
  const Matrix sum = s + router.selection_bias.transpose();
  const float maxtext = balance_loss(balance_named("deepseek_v2"), softmax_rows(sum), biased, 1, 1);
  near(paper, 2 * 1.36 / 1.52, 1 + 8 + 1 + 8 + 3, 0);  // scores 1, their sum 8, division, chain 8, rest 3
  near(maxtext, 0.986923693, 1 + 3 + 10 + 8 + 3);      // sums at most 0.4: 3 in exp, softmax 10, chain 8
}

// Weights in the columns of their experts, [T,E], read by the number of the slot: of six, four are 0, one is
// that of another slot, and one is right by luck.
TEST(Disagreements, HuggingFaceWeightsIndexedBySlot) {
  const IntMatrix S = integers({{5, 9}, {2, 0}, {7, 1}});
  const Matrix w = matrix({{.5F, .25F}, {.625F, .125F}, {.75F, .1875F}});
  const Matrix G = gates(S, w, 12);
  const Matrix by_slot = G.leftCols(2);
  Matrix by_expert(3, 2);
  for (Index t = 0; t < 3; t++)
    for (Index k = 0; k < 2; k++) by_expert(t, k) = G(t, S(t, k));
  EXPECT_EQ(by_expert, w);
  EXPECT_EQ(by_slot, matrix({{0, 0}, {.125F, 0}, {0, .1875F}}));
}

// Groups of four, one kept: the keys 0.4, 0.35, -0.15, -0.14 are in, the others become -infinity or 0, and 0 is
// more than a key that the bias made negative.
TEST(Disagreements, DeepSeekGroupMask) {
  Router router;
  router.config = preset("deepseek_v3").router;
  router.config.groups = {.count = 2, .kept = 1, .score = GroupScore::sum_of_top2};
  router.selection_bias = vector({0, 0, -.2F, -.2F, 0, 0, 0, 0});
  const std::vector<float> s{.40F, .35F, .05F, .06F, .30F, .31F, .02F, .03F};
  EXPECT_EQ(top_k(selection_keys(router, s), 4), (std::vector<Index>{0, 1, 3, 2}));
  router.config.groups.excluded_key = 0;
  EXPECT_EQ(top_k(selection_keys(router, s), 4), (std::vector<Index>{0, 1, 4, 5}));
}

}  // namespace
}  // namespace moe::test
