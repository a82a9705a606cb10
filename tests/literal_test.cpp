// The literal cases of other projects' public tests (tests/data/vectors/literal): routing, places, expert
// choice and whole layers from given logits.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "reference/expert_choice.h"
#include "reference/routed.h"
#include "reference/router.h"

namespace moe::test {
namespace {

using Json = nlohmann::json;

Json read(const std::string& name) {
  std::ifstream in(MOE_TEST_DATA "/vectors/literal/literal_" + name + ".json");
  EXPECT_TRUE(in.good()) << name;
  return Json::parse(in);
}

Matrix matrix(const Json& rows) {
  Matrix m(static_cast<Index>(rows.size()), static_cast<Index>(rows[0].size()));
  for (Index r = 0; r < m.rows(); r++)
    for (Index c = 0; c < m.cols(); c++) m(r, c) = rows[std::size_t(r)][std::size_t(c)];
  return m;
}

// {"shape": [...], "data": [...]}, the last axis as columns.
Matrix array(const Json& a, Index rows, Index cols, Index at = 0) {
  Matrix m(rows, cols);
  for (Index i = 0; i < m.size(); i++) m.data()[i] = a["data"][std::size_t(at * m.size() + i)];
  return m;
}

// The router's stages from given logits, or given scores.
Routing route_logits(const RouterConfig& config, const Matrix& logits, const Vector& bias = {}) {
  Router router;
  router.config = config;
  router.selection_bias = bias;
  const Index T = logits.rows(), K = config.chosen;
  Routing routing{IntMatrix(T, K), Matrix(T, K), Matrix(T, K), WeightOn::output};
  for (Index t = 0; t < T; t++) {
    const std::vector<float> z(logits.data() + t * logits.cols(), logits.data() + (t + 1) * logits.cols());
    const std::vector<float> s = reference::scores(config.score, z);
    const std::vector<Index> S = reference::top_k(reference::selection_keys(router, s), K);
    const std::vector<float> w = reference::weights(config, z, s, S);
    for (Index k = 0; k < K; k++) {
      routing.selected(t, k) = static_cast<std::int32_t>(S[std::size_t(k)]);
      routing.weights(t, k) = w[std::size_t(k)];
      routing.chosen_scores(t, k) = s[std::size_t(S[std::size_t(k)])];
    }
  }
  return routing;
}

using Triples = std::set<std::vector<Index>>;

// (token, expert, place) of every kept pair; places of an expert count up in the order of its rows.
Triples kept(const Routing& routing, const Dispatch& dispatch) {
  Triples triples;
  for (Index t = 0; t < routing.selected.rows(); t++)
    for (Index k = 0; k < routing.selected.cols(); k++) {
      const Index e = routing.selected(t, k);
      if (dispatch.positions(t, k) >= 0)
        triples.insert({t, e, dispatch.positions(t, k) - dispatch.offsets[std::size_t(e)]});
    }
  return triples;
}

TEST(Literal, DeepSpeedTopKGating) {
  int cases = 0;
  const Json file = read("deepspeed_topkgating");
  for (const Json& c : file["cases"]) {
    const Matrix logits = matrix(c["logits"]);
    const Routing routing = route_logits({.chosen = c["k"]}, logits);
    Capacity capacity{.places = c["capacity"]};
    capacity.priority = c["policy"] == "probs" ? Priority::score : Priority::token;
    capacity.after = Normalisation::sum;
    const Dispatch dispatch = reference::place(routing, logits.cols(), capacity, nullptr);
    Triples expected;
    for (const Json& triple : c["expected"]) expected.insert(triple.get<std::vector<Index>>());
    EXPECT_EQ(kept(routing, dispatch), expected) << c.dump();
    Routing weighted = routing;
    reference::drop_weights(capacity, dispatch, weighted, nullptr);
    for (Index t = 0; t < weighted.weights.rows(); t++)
      EXPECT_NEAR(weighted.weights.row(t).sum(), 1, 4 * 0x1p-24) << c.dump();
    cases++;
  }
  EXPECT_EQ(cases, 5);
}

TEST(Literal, MaxTextTokenDropping) {
  const Json c = read("maxtext")["token_dropping"];
  for (std::size_t b = 0; b < c["topk_idx"].size(); b++) {
    const Json& chosen = c["topk_idx"][b];
    Routing routing{IntMatrix(4, 2), Matrix(4, 2), Matrix(4, 2), WeightOn::output};
    for (Index t = 0; t < 4; t++)
      for (Index k = 0; k < 2; k++) {
        routing.selected(t, k) = chosen[std::size_t(t)][std::size_t(k)];
        routing.weights(t, k) = c["probs"][b][std::size_t(t)][std::size_t(routing.selected(t, k))];
        routing.chosen_scores(t, k) = routing.weights(t, k);
      }
    const Capacity capacity{.places = c["capacity"], .priority = Priority::token};
    const Dispatch dispatch = reference::place(routing, 8, capacity, nullptr);
    reference::drop_weights(capacity, dispatch, routing, nullptr);
    for (std::size_t t = 0; t < 4; t++)
      for (std::size_t e = 0; e < 8; e++) {
        float expected = 0, found = 0;
        for (const Json& place : c["expected_combine"][b][t][e]) expected += place.get<float>();
        for (Index k = 0; k < 2; k++)
          if (routing.selected(Index(t), k) == Index(e)) found += routing.weights(Index(t), k);
        EXPECT_EQ(found, expected) << "batch " << b << " token " << t << " expert " << e;
      }
  }
}

TEST(Literal, MaxTextDeepSeekRouting) {
  const Json c = read("maxtext")["deepseek_routing"];
  const Matrix biased = matrix(c["scores_with_bias"][0]);
  RouterConfig config{.chosen = c["k"], .score = Score::logit, .key = SelectionKey::score_plus_bias};
  config.groups = {.count = c["n_group"], .kept = c["topk_group"], .score = GroupScore::sum_of_top2};
  const Matrix scores = biased.array() - 0.5F;
  const Routing routing = route_logits(config, scores, Vector::Constant(16, 0.5F));
  for (Index t = 0; t < routing.selected.rows(); t++)
    for (Index k = 0; k < 4; k++) {
      EXPECT_EQ(routing.selected(t, k), c["expected_idx"][0][std::size_t(t)][std::size_t(k)].get<int>());
      EXPECT_NEAR(routing.weights(t, k), c["expected_w"][0][std::size_t(t)][std::size_t(k)].get<float>(), 0x1p-22);
    }
}

TEST(Literal, VMoeTokenChoiceAndItsPriority) {
  const Json c = read("vmoe")["token_choice_capacity"];
  const Routing routing = route_logits({.chosen = 2, .score = Score::logit}, matrix(c["gates"]));
  for (const bool prioritised : {false, true}) {
    const Capacity capacity{.places = c["capacity"], .priority = prioritised ? Priority::confidence : Priority::choice};
    const IntMatrix placed = reference::places_found(capacity, routing, 3);
    const Json& expected = c[prioritised ? "expected_expert_slot_bpr" : "expected_expert_slot_vanilla"];
    for (Index t = 0; t < 3; t++)
      for (Index k = 0; k < 2; k++) {
        const Json& pair = expected[std::size_t(t)][std::size_t(k)];  // expert, place
        EXPECT_EQ(routing.selected(t, k), pair[0].get<int>());
        EXPECT_EQ(placed(t, k) == 1, pair[1] < c["capacity"]) << "token " << t << " slot " << k;
        EXPECT_EQ(routing.weights(t, k), c["expected_topk_weights"][std::size_t(t)][std::size_t(k)].get<float>());
      }
  }
}

TEST(Literal, VMoeExpertChoice) {
  const Json c = read("vmoe")["expert_choice"];
  const Matrix gates = matrix(c["gates"]);
  IntMatrix selected(3, 2);
  for (Index e = 0; e < 3; e++) {
    const std::vector<float> column{gates(0, e), gates(1, e), gates(2, e)};
    const std::vector<Index> best = reference::top_k(column, 2);
    for (Index i = 0; i < 2; i++) selected(e, i) = static_cast<std::int32_t>(best[std::size_t(i)]);
  }
  const Routing routing = reference::slots_of_tokens(selected, gates, 3);
  for (std::size_t t = 0; t < 3; t++)
    for (std::size_t e = 0; e < 3; e++) {
      float expected = 0;
      for (const Json& place : c["expected_combine"][t][e]) expected += place.get<float>();
      EXPECT_EQ(routing.weights(Index(t), Index(e)), expected);
      EXPECT_EQ(routing.selected(Index(t), Index(e)), expected == 0 ? -1 : int(e));
    }
}

TEST(Literal, VMoeCapacity) {
  const Json first = read("vmoe")["capacity"][0];
  EXPECT_EQ(places({.rule = CapacityRule::vmoe, .factor = first["capacity_factor"]}, first["tokens"], first["experts"], first["k"]),
            first["expected"].get<Index>());
}

TEST(Literal, NllbKeepsBothExpertsWherePlacesSuffice) {
  const Json c = read("hf_router_tests")["nllb_top2_all"];
  const Matrix logits = matrix(c["logits"]);
  const Routing routing = route_logits({.chosen = 2, .normalisation = Normalisation::max_sum, .epsilon = 0x1p-23F}, logits);
  const Dispatch dispatch = reference::place(routing, 4, Capacity{.places = 40}, nullptr);
  EXPECT_EQ(dispatch.tokens.size(), 80U);
  for (std::size_t t = 0; t < 40; t++)
    for (std::size_t e = 0; e < 4; e++) {
      float found = 0;
      for (Index k = 0; k < 2; k++)
        if (routing.selected(Index(t), k) == Index(e)) found = routing.weights(Index(t), k);
      EXPECT_NEAR(found, c["expected_combine"][t][e].get<float>(), 1e-4) << "token " << t << " expert " << e;
      EXPECT_EQ(routing.selected(Index(t), 0) == Index(e), c["expected_top1_onehot"][t][e] == 1);
    }
}

Experts onnx_experts(const Json& c) {
  const Index E = c["experts"], D = c["hidden"], F = c["inter"];
  const bool gated = c["glu"];
  Experts experts;
  experts.activation.gated = gated;
  const std::string act = c["activation"];
  if (act.starts_with("gelu")) experts.activation.function = Nonlinearity::gelu;
  if (act.starts_with("relu")) experts.activation.function = Nonlinearity::relu;
  if (act.starts_with("clamped")) experts.activation = {.function = Nonlinearity::swish, .up_offset = 1};
  for (Index e = 0; e < E; e++) {
    Ffn ffn;
    if (c.contains("w_all")) {
      const float w = c["w_all"];
      ffn = {Matrix::Constant(F, D, w), Matrix::Constant(F, D, w), Matrix::Constant(D, F, w), {}, {}, {}};
    } else {
      if (gated) ffn.gate = array(c["w_gate"], F, D, e);
      ffn.up = array(c[gated ? "w_up" : "w_in"], F, D, e);
      ffn.down = array(c["w_down"], D, F, e);
      if (c.contains("b_in")) ffn.up_bias = array(c["b_in"], 1, F, e).row(0).transpose();
      if (c.contains("b_down")) ffn.down_bias = array(c["b_down"], 1, D, e).row(0).transpose();
    }
    experts.ffn.push_back(ffn);
  }
  return experts;
}

// Whole layers whose logits are given; their own tests allow 1e-3 (5e-2 for the last).
TEST(Literal, OnnxRuntimeLayers) {
  int cases = 0;
  const Json file = read("onnxruntime_moe_test");
  for (const Json& c : file["cases"]) {
    const Index T = c["tokens"], D = c["hidden"], E = c["experts"];
    const Matrix x = array(c["x"], T, D), logits = array(c["router_logits"], T, E);
    const RouterConfig config{.chosen = c["top_k"],
                              .normalisation = c["renormalise_topk"] ? Normalisation::sum : Normalisation::none};
    const Routing routing = route_logits(config, logits);
    const Dispatch dispatch = reference::place(routing, E, std::nullopt, nullptr);
    const Matrix y = reference::run_routed(onnx_experts(c), std::nullopt, routing, dispatch, x, nullptr);
    const Matrix expected = array(c["expected"], T, D);
    const double abs = c["tolerance_in_their_test"]["abs"], rel = c["tolerance_in_their_test"]["rel"];
    for (Index i = 0; i < y.size(); i++) {
      const double e = double{expected.data()[i]};
      EXPECT_TRUE(std::fabs(double{y.data()[i]} - e) <= abs + rel * std::fabs(e)) << c["name"] << " value " << i;
    }
    EXPECT_GT(expected.cwiseAbs().maxCoeff(), 0);
    cases++;
  }
  EXPECT_EQ(cases, 4);
}

}  // namespace
}  // namespace moe::test
