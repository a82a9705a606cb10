// What training adds to a router, and norms and scales it may have: the reference against the papers.
#include <gtest/gtest.h>

#include <cmath>

#include "check/case.h"
#include "reference/linear.h"
#include "reference/sparse.h"
#include "reference/router.h"
#include "tests/support/rows.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;
using check::make_batch;
using check::make_sparse_layer;
using check::make_tokens;
using check::parse_case;

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
  const Recording trace = reference_trace(c, make_batch(c));
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
  const Recording trace = reference_trace(c, make_batch(c));
  const Matrix rows = stage(trace, "dispatched");
  const IntMatrix positions = int_stage(trace, "positions");
  for (Index t = 0; t < c.T; t++)
    EXPECT_TRUE(same_bits(Matrix(x.row(t)), Matrix(rows.row(positions(t, 0)))));
}

// Phi-3.5-MoE: router and experts read the same jittered tokens, by Switch's factors; not at evaluation.
TEST(RouterNoise, LayerJitterReachesTheExperts) {
  const Case c = parse_case("preset=phimoe T=40 D=10 F=3 E=4 K=2 seed=3 training=1");
  const SparseLayer layer = make_sparse_layer(c);
  const Matrix x = make_tokens(c);
  Router as_switch = layer.router;
  as_switch.config.noise_kind = Noise::input_jitter;
  Batch batch = make_batch(c);
  const Matrix input = reference::router_input(as_switch, x, batch);
  EXPECT_FALSE(same_bits(input, x));
  EXPECT_TRUE(same_bits(input, reference::layer_input(layer.router, x, batch)));
  const auto expect_read = [&](const Matrix& tokens) {
    const Recording trace = reference_trace(c, batch);
    const Matrix rows = stage(trace, "dispatched");
    const IntMatrix positions = int_stage(trace, "positions");
    EXPECT_TRUE(same_bits(stage(trace, "logits"), reference::linear(tokens, layer.router.weight, Vector())));
    for (Index t = 0; t < c.T; t++)
      EXPECT_TRUE(same_bits(Matrix(tokens.row(t)), Matrix(rows.row(positions(t, 1))))) << t;
  };
  expect_read(input);
  batch.training = false;
  expect_read(x);
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

}  // namespace
}  // namespace moe::test
