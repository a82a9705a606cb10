// Routers that draw, look up or divide evenly, and what training adds: what the reference does
// against what the papers say. That the other tiers do the same is the business of variants_test.
#include "reference/router_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "check/case.h"
#include "reference/error.h"
#include "reference/numerics/elementary.h"
#include "reference/sparse.h"
#include "tests/support/rows.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;
using check::make_batch;
using check::make_sparse_layer;
using check::make_tokens;
using check::parse_case;

Recording trace_of(const Case& c, const Batch& batch) {
  Recording trace;
  reference::sparse(make_sparse_layer(c), make_tokens(c), &trace, batch);
  return trace;
}

// A Hash layer: the table and nothing else decides, with weight 1.
TEST(RouterChoice, TableFollowsTheIds) {
  const Case c = parse_case("preset=hash T=4 D=5 F=3 E=3 K=1 seed=9");
  const SparseLayer layer = make_sparse_layer(c);
  Batch batch{.ids = {7, 0, 7, 60}};
  Recording trace;
  reference::sparse(layer, make_tokens(c), &trace, batch);
  const IntMatrix selected = int_stage(trace, "selected");
  for (Index t = 0; t < 4; t++)
    EXPECT_EQ(selected(t, 0), layer.router.table(batch.ids[std::size_t(t)], 0));
  EXPECT_TRUE(same_bits(Matrix::Ones(4, 1), stage(trace, "weights")));
  EXPECT_EQ(trace.find("logits"), nullptr);
}

// DeepSeek-V4's first layers: experts by id, weights from the scores, normalised and scaled.
TEST(RouterChoice, TableMayTakeWeightsFromScores) {
  const Case c = parse_case("preset=deepseek_v4_hash T=6 D=5 F=3 E=8 K=3 seed=9");
  const Recording trace = trace_of(c, make_batch(c));
  const Matrix scores = stage(trace, "scores"), weights = stage(trace, "weights");
  const IntMatrix selected = int_stage(trace, "selected");
  for (Index t = 0; t < c.T; t++) {
    double sum = 0;
    for (Index k = 0; k < 3; k++) sum += double{scores(t, selected(t, k))};
    for (Index k = 0; k < 3; k++)  // a sum of 3, a division, a product: 4 roundings and one more
      EXPECT_NEAR(weights(t, k), 1.5 * double{scores(t, selected(t, k))} / sum, 5 * 0x1p-24 * 1.5);
  }
}

TEST(RouterChoice, IdsAreChecked) {
  const Case c = parse_case("preset=hash T=3 E=3 K=1");
  const auto message = [&](std::vector<std::int32_t> ids) -> std::string {
    try {
      trace_of(c, {.ids = std::move(ids)});
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({1, 2}), "router reads a table of token ids, and 2 ids came, expected 3");
  EXPECT_EQ(message({1, 61, 2}), "token 1 has id 61, expected 0 to 60");
  EXPECT_EQ(message({1, 2, -1}), "token 2 has id -1, expected 0 to 60");
}

std::map<int, int> counts(const IntMatrix& m) {
  std::map<int, int> count;
  for (Index i = 0; i < m.size(); i++) count[m.data()[i]]++;
  return count;
}

// THOR: one lot for a training batch and another in the next step; a lot for each token afterwards.
TEST(RouterChoice, ThorDrawsOncePerBatchInTraining) {
  std::map<int, int> batches;
  for (std::uint32_t step = 0; step < 400; step++) {
    const IntMatrix S = random_choice(9, 4, 1, {.seed = 5, .step = step, .training = true});
    ASSERT_EQ(counts(S).size(), 1U) << "step " << step;
    batches[S(0, 0)]++;
  }
  const std::map<int, int> tokens = counts(random_choice(40000, 4, 1, {.seed = 5}));
  ASSERT_EQ(batches.size(), 4U);
  ASSERT_EQ(tokens.size(), 4U);
  for (int e = 0; e < 4; e++) {  // five standard deviations of a binomial
    EXPECT_NEAR(batches.at(e), 100, 5 * std::sqrt(400 * 0.25 * 0.75));
    EXPECT_NEAR(tokens.at(e), 10000, 5 * std::sqrt(40000 * 0.25 * 0.75));
  }
}

// BASE: in training every expert gets its share of tokens, later the best expert whatever its load;
// the weight is the sigmoid of the affinity either way, and the token itself is added.
TEST(RouterChoice, BaseBalancesInTrainingOnly) {
  for (const char* route : {"uniform", "skew:2", "one"}) {
    const Case c = parse_case(std::string("preset=base T=24 D=8 F=5 E=6 seed=4 route=") + route);
    Batch batch = make_batch(c);
    const Recording evaluation = trace_of(c, batch);
    batch.training = true;
    const Recording training = trace_of(c, batch);
    for (const auto& [e, n] : counts(int_stage(training, "selected"))) EXPECT_EQ(n, 4) << e;
    EXPECT_EQ(counts(int_stage(training, "selected")).size(), 6U);
    const Matrix z = stage(evaluation, "logits");
    for (const Recording* trace : {&evaluation, &training}) {
      const IntMatrix S = int_stage(*trace, "selected");
      for (Index t = 0; t < c.T; t++)
        EXPECT_EQ(stage(*trace, "weights")(t, 0), numerics::sigmoid(z(t, S(t, 0))));
      EXPECT_TRUE(
          same_bits(Matrix(stage(*trace, "combined") + make_tokens(c)), stage(*trace, "output")));
    }
    for (Index t = 0; t < c.T; t++)
      EXPECT_EQ(z(t, int_stage(evaluation, "selected")(t, 0)), z.row(t).maxCoeff());
    Case odd = c;
    odd.T = 25;
    EXPECT_THROW(trace_of(odd, batch), Error);
  }
}

// Shazeer et al.: matrices that start at zero make the first routing pure noise of deviation ln 2,
// and tensor2tensor's floor adds a hundredth. No noise at evaluation.
TEST(RouterNoise, LearnedDeviationIsSoftplus) {
  const Case c = parse_case("preset=shazeer2017 T=4000 D=4 F=1 E=8 K=2 seed=3");
  SparseLayer layer = make_sparse_layer(c);
  layer.router.weight.setZero();
  layer.router.noise_weight.setZero();
  Batch batch = make_batch(c);
  Recording evaluation, training;
  reference::sparse(layer, make_tokens(c), &evaluation, batch);
  EXPECT_EQ(evaluation.find("noisy_logits"), nullptr);
  batch.training = true;
  reference::sparse(layer, make_tokens(c), &training, batch);
  const Matrix noisy = stage(training, "noisy_logits");
  const double n = double(noisy.size()), deviation = std::log(2.0) + 0.01;
  const double mean = noisy.cast<double>().mean();
  const double variance = noisy.cast<double>().array().square().mean();
  EXPECT_NEAR(mean, 0, 5 * deviation / std::sqrt(n));
  EXPECT_NEAR(variance, deviation * deviation, 5 * deviation * deviation * std::sqrt(2 / n));
  EXPECT_NE(int_stage(training, "selected"), int_stage(evaluation, "selected"));
  batch.step++;
  Recording next;
  reference::sparse(layer, make_tokens(c), &next, batch);
  EXPECT_FALSE(same_bits(noisy, stage(next, "noisy_logits")));
}

// V-MoE: deviation 1/E.
TEST(RouterNoise, FixedDeviationIsOverExperts) {
  const Case c = parse_case("preset=vmoe T=3000 D=4 F=1 E=16 K=1 seed=3 training=1");
  const Recording trace = trace_of(c, make_batch(c));
  const Eigen::MatrixXd noise =
      (stage(trace, "noisy_logits").cast<double>() - stage(trace, "logits").cast<double>()) * 16;
  const double n = double(noise.size());
  EXPECT_NEAR(noise.mean(), 0, 5 / std::sqrt(n));
  EXPECT_NEAR(noise.array().square().mean(), 1, 5 * std::sqrt(2 / n));
}

// Switch: factors from 0.99 to 1.01, for the router alone.
TEST(RouterNoise, JitterStaysWithinItsRangeAndLeavesExpertsAlone) {
  const Case c = parse_case("preset=switch T=200 D=50 F=3 E=4 K=1 C=200 seed=3 training=1");
  const Matrix x = make_tokens(c);
  const Router router = make_sparse_layer(c).router;
  const Matrix input = reference::router_input(router, x, make_batch(c));
  float least = 2, most = 0;
  for (Index i = 0; i < x.size(); i++) {
    const float ratio = input.data()[i] / x.data()[i];
    least = std::min(least, ratio);
    most = std::max(most, ratio);
  }
  EXPECT_GT(least, 0.99F * (1 - 0x1p-22F));
  EXPECT_LT(least, 0.9905F);
  EXPECT_LT(most, 1.01F * (1 + 0x1p-22F));
  EXPECT_GT(most, 1.0095F);
  const Recording trace = trace_of(c, make_batch(c));
  const Matrix rows = stage(trace, "dispatched");
  const IntMatrix positions = int_stage(trace, "positions");
  for (Index t = 0; t < c.T; t++)
    EXPECT_TRUE(same_bits(Matrix(x.row(t)), Matrix(rows.row(positions(t, 0)))));
}

// GShard: the second expert stays with probability min(1, 2 g2), its weight as it was.
TEST(RouterChoice, SecondExpertStaysByChance) {
  const Case c = parse_case("preset=gshard_random T=4000 D=6 F=1 E=4 K=2 C=8000 seed=8");
  Case all = c;
  all.preset = "gshard";
  const Recording drawn = trace_of(c, make_batch(c)), kept = trace_of(all, make_batch(c));
  const Matrix g = stage(kept, "weights"), w = stage(drawn, "weights");
  const IntMatrix S = int_stage(drawn, "selected");
  double expected = 0, variance = 0, found = 0;
  for (Index t = 0; t < c.T; t++) {
    const double p = std::min(1.0, 2 * double{g(t, 1)});
    expected += p;
    variance += p * (1 - p);
    found += S(t, 1) >= 0 ? 1 : 0;
    EXPECT_EQ(w(t, 0), g(t, 0));
    EXPECT_EQ(w(t, 1), S(t, 1) >= 0 ? g(t, 1) : 0);
  }
  EXPECT_NEAR(found, expected, 5 * std::sqrt(variance));
  EXPECT_LT(found, 0.9 * double(c.T));
}

// Gemma 4: the router reads a token of root mean square 1, whatever its size, and each expert has a
// scale of its own.
TEST(RouterNoise, InputNormForgetsTheSizeOfATokenAndExpertsHaveScales) {
  const Case c = parse_case("preset=gemma4 T=9 D=12 F=3 E=6 K=3 seed=6");
  SparseLayer layer = make_sparse_layer(c);
  layer.router.config.input_epsilon = 0;
  const Matrix x = make_tokens(c);
  Recording once, larger, unscaled;
  reference::sparse(layer, x, &once);
  reference::sparse(layer, Matrix(x * 64), &larger);
  EXPECT_TRUE(same_bits(stage(once, "logits"), stage(larger, "logits")));
  const Matrix input = reference::router_input(layer.router, x, {});
  for (Index t = 0; t < c.T; t++) {
    double squares = 0;
    for (Index d = 0; d < c.D; d++)
      squares += std::pow(double{input(t, d)} / double{layer.router.input_gain[d]}, 2);
    EXPECT_NEAR(squares, double(c.D), double(c.D) * 40 * 0x1p-24);  // 12 terms, 4 roundings each
  }
  const Vector scale = layer.router.expert_scale;
  layer.router.expert_scale.resize(0);
  reference::sparse(layer, x, &unscaled);
  const IntMatrix S = int_stage(once, "selected");
  for (Index t = 0; t < c.T; t++)
    for (Index k = 0; k < 3; k++)
      EXPECT_EQ(stage(once, "weights")(t, k), stage(unscaled, "weights")(t, k) * scale[S(t, k)]);
}

// Scores 1/2, 1/4, 1/8, 1/8 of four experts, best first in the order 2, 0, 3, 1.
Routing thinned(LaterSlots later, float threshold, Normalisation normalisation = Normalisation::none) {
  Router router;
  router.config = {.chosen = 3, .normalisation = normalisation, .later = later, .later_threshold = threshold};
  router.weight.resize(4, 1);
  const float log_2 = numerics::log(2.0F);
  router.weight << log_2, 0, 2 * log_2, 0x1p-20F;  // a tie that is none
  return reference::route(router, Matrix::Ones(1, 1), nullptr);
}

std::vector<int> used(const Routing& routing) {
  for (Index k = 0; k < routing.selected.cols(); k++) {
    const float w = routing.weights(0, k);
    EXPECT_TRUE(routing.selected(0, k) < 0 ? w == 0 : w > 0.1F) << "slot " << k << " weighs " << w;
  }
  return {routing.selected.row(0).begin(), routing.selected.row(0).end()};
}

// Before slots 0, 1, 2 the scores sum to 0, 1/2, 3/4: a slot is used where that is less than the mass. Not
// what the weights sum to, which are 4/7, 2/7, 1/7 once divided: 4/7 would empty slot 1 at 0.55.
TEST(RouterChoice, SlotsUntilAMass) {
  using Slots = std::vector<int>;
  const auto until = [](float mass, Normalisation n = Normalisation::none) {
    return used(thinned(LaterSlots::until_mass, mass, n));
  };
  EXPECT_EQ(until(0), (Slots{2, -1, -1}));
  EXPECT_EQ(until(0.45F), (Slots{2, -1, -1}));
  EXPECT_EQ(until(0.55F), (Slots{2, 0, -1}));
  EXPECT_EQ(until(0.7F), (Slots{2, 0, -1}));
  EXPECT_EQ(until(0.8F), (Slots{2, 0, 3}));
  EXPECT_EQ(until(0.55F, Normalisation::sum), (Slots{2, 0, -1}));
  // Equal scores of exactly 1/4: 1/4 + 1/4 is not less than 1/2.
  Router router;
  router.config = {.chosen = 4, .later = LaterSlots::until_mass, .later_threshold = 0.5F};
  router.weight = Matrix::Zero(4, 1);
  EXPECT_EQ(used(reference::route(router, Matrix::Ones(1, 1), nullptr)), (Slots{0, 1, -1, -1}));
}

// The weights are held against the threshold as they are used, divided or not: 1/2, 1/4, 1/8 or 4/7, 2/7, 1/7.
// What is left is not divided again.
TEST(RouterChoice, SlotsAboveAThreshold) {
  using Slots = std::vector<int>;
  const auto above = [](float threshold, Normalisation n = Normalisation::none) {
    return used(thinned(LaterSlots::above_threshold, threshold, n));
  };
  EXPECT_EQ(above(0.1F), (Slots{2, 0, 3}));
  EXPECT_EQ(above(0.2F), (Slots{2, 0, -1}));
  EXPECT_EQ(above(0.26F), (Slots{2, -1, -1}));
  EXPECT_EQ(above(0.26F, Normalisation::sum), (Slots{2, 0, -1}));
  EXPECT_EQ(above(2), (Slots{2, -1, -1}));  // the first slot always
  const Routing left = thinned(LaterSlots::above_threshold, 0.26F, Normalisation::sum);
  EXPECT_NEAR(left.weights(0, 0), 4.0 / 7, 1e-6);  // the scores are off by 2^-20 / 8, of 0.57 that is 1e-7
  EXPECT_NEAR(left.weights(0, 1), 2.0 / 7, 1e-6);
  Router router;
  router.config = {.chosen = 2, .later = LaterSlots::above_threshold, .later_threshold = 0.25F};
  router.weight = Matrix::Zero(4, 1);
  EXPECT_EQ(used(reference::route(router, Matrix::Ones(1, 1), nullptr)), (Slots{0, -1}));
}

TEST(RouterChoice, RawLogitsHaveNoMass) {
  SparseLayer layer = make_sparse_layer(parse_case("preset=gpt_oss E=4 K=2"));
  validate(layer);
  layer.router.config.later = LaterSlots::until_mass;
  layer.router.config.later_threshold = 0.5F;
  try {
    validate(layer);
    ADD_FAILURE() << "not refused";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "router uses slots until their scores sum to 0.5, and its scores are raw logits, expected "
                           "softmax, sigmoid or sqrt_softplus for until_mass");
  }
  layer.router.config.score = Score::sigmoid;
  validate(layer);
}

TEST(RouterChoice, NonsenseIsRefused) {
  const auto refused = [](const std::string& line, void (*change)(SparseLayer&)) {
    SparseLayer layer = make_sparse_layer(parse_case(line));
    change(layer);
    EXPECT_THROW(validate(layer), Error) << line;
  };
  refused("preset=hash K=1", [](SparseLayer& l) { l.router.table(3, 0) = 8; });
  refused("preset=hash K=1", [](SparseLayer& l) { l.router.table.resize(0, 1); });
  refused("preset=hash K=1", [](SparseLayer& l) { l.router.unscored = 7; });
  refused("preset=hash K=1",
          [](SparseLayer& l) { l.router.config.normalisation = Normalisation::sum; });
  refused("preset=thor K=1", [](SparseLayer& l) { l.router.config.choice = Choice::top_k; });
  refused("preset=base", [](SparseLayer& l) { l.router.config.chosen = 2; });
  refused("preset=shazeer2017", [](SparseLayer& l) { l.router.noise_weight.resize(0, 0); });
  refused("preset=vmoe", [](SparseLayer& l) { l.router.config.noise = -1; });
  refused("preset=gshard_random", [](SparseLayer& l) { l.router.config.later_threshold = 0; });
  refused("preset=gemma4", [](SparseLayer& l) { l.router.input_gain.resize(3); });
  refused("preset=gemma4", [](SparseLayer& l) { l.router.expert_scale[2] = NAN; });
  refused("preset=mixtral", [](SparseLayer& l) { l.router.table.setZero(2, 2); });
  refused("preset=nemotron3_super", [](SparseLayer& l) { l.latent->up.resize(3, 3); });
  refused("preset=longcat", [](SparseLayer& l) { l.experts.identities = -1; });
  refused("preset=minimax_blended", [](SparseLayer& l) { l.shared->gate.resize(0, 0); });
  refused("preset=residual_moe", [](SparseLayer& l) { l.shared->gate_bias.resize(1); });
}

}  // namespace
}  // namespace moe::test
