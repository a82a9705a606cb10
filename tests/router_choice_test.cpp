// Routers that draw, look up or divide evenly, and what training adds: what the reference does
// against what the papers say. That the other tiers do the same is the business of variants_test.
#include "reference/router_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "check/case.h"
#include "reference/error.h"
#include "reference/linear.h"
#include "reference/numerics/elementary.h"
#include "reference/presets.h"
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

// A router whose logits of the token 1 are z.
Router near_tie_router(const std::vector<float>& z, float near_tie, Index K) {
  Router router;
  router.config = preset("phimoe").router;
  router.config.chosen = K;
  router.config.noise_kind = Noise::none;
  router.config.near_tie = near_tie;
  router.weight = Eigen::Map<const Matrix>(z.data(), Index(z.size()), 1);
  return router;
}

// Three equal logits and one far below, K = 2: each of the three is first with q = 1/3, and of the other two
// each second with q = 1/2. The expert of the lower index is the largest left and keeps its weight; another
// has a third of it unless U > 3/4. 1/3 in binary32 is 1 / 3, so all six weights are known to the bit.
TEST(NearTies, EqualLogitsByHand) {
  const Index T = 20000;
  const Routing drawn = reference::route(near_tie_router({2, 2, 2, 0}, 0.01F, 2), Matrix::Ones(T, 1), nullptr,
                                         {.seed = 11, .step = 4, .training = true});
  const float third = 1.0F / 3, ninth = third * third;
  std::map<std::pair<int, float>, int> first, second;
  for (Index t = 0; t < T; t++) {
    const int a = drawn.selected(t, 0), b = drawn.selected(t, 1);
    ASSERT_TRUE(a != b && a < 3 && b < 3) << a << " " << b;
    const int largest = a == 0 ? 1 : 0;  // of those that are left
    first[{a == 0 ? 0 : 1, drawn.weights(t, 0)}]++;
    second[{b == largest ? 0 : 1, drawn.weights(t, 1)}]++;
  }
  const auto near_share = [T](int found, double p) {  // five standard deviations of a binomial
    EXPECT_NEAR(found, double(T) * p, 5 * std::sqrt(double(T) * p * (1 - p)));
  };
  ASSERT_EQ(first.size(), 3U);
  near_share(first[{0, third}], 1.0 / 3);
  near_share(first[{1, third}], 2.0 / 3 / 4);
  near_share(first[{1, ninth}], 2.0 / 3 * 3 / 4);
  ASSERT_EQ(second.size(), 3U);
  near_share(second[{0, 0.5F}], 1.0 / 2);
  near_share(second[{1, 0.5F}], 1.0 / 2 / 4);
  near_share(second[{1, 0.5F * third}], 1.0 / 2 * 3 / 4);
}

// Logits 100, 99, 98.5 tie within 2%, 90 with none of them: gaps up to 0.015, and from 0.09. The
// pairs are drawn with the chances of q, one after the other: Pearson's X^2 of six cells has 5 degrees of
// freedom, and by Chernoff P(X^2 >= x) <= (x / 5)^(5/2) exp((5 - x) / 2), 5e-7 at x = 45. That u is a multiple
// of 2^-24 moves a chance by some 2^-20, and X^2 by T 2^-40: nothing.
TEST(NearTies, DrawsFollowTheSoftmax) {
  const Index T = 40000;
  const std::vector<float> z{100, 99, 98.5F, 90};
  const auto count_pairs = [&](std::uint32_t step) {
    const Routing drawn = reference::route(near_tie_router(z, 0.01F, 2), Matrix::Ones(T, 1), nullptr,
                                           {.seed = 8, .step = step, .training = true});
    std::map<std::pair<int, int>, int> pairs;
    for (Index t = 0; t < T; t++) pairs[{drawn.selected(t, 0), drawn.selected(t, 1)}]++;
    return pairs;
  };
  const auto squares = [&](const std::map<std::pair<int, int>, int>& pairs, const std::vector<double>& logits) {
    const auto e = [&](int i) { return std::exp(logits[std::size_t(i)] - 100); };
    const double all = e(0) + e(1) + e(2);
    double sum = 0;
    for (int a = 0; a < 3; a++)
      for (int b = 0; b < 3; b++) {
        if (a == b) continue;
        const double expected = double(T) * e(a) / all * e(b) / (all - e(a));
        const auto found = pairs.find({a, b});
        sum += std::pow((found == pairs.end() ? 0 : found->second) - expected, 2) / expected;
      }
    return sum;
  };
  const auto pairs = count_pairs(0);
  int drawn = 0;
  for (const auto& [pair, n] : pairs) drawn += pair.first < 3 && pair.second < 3 ? n : 0;
  EXPECT_EQ(drawn, T) << "expert 3 never ties";
  EXPECT_LT(squares(pairs, {100, 99, 98.5}), 45);
  EXPECT_GT(squares(pairs, {100, 99, 98.4}), 45) << "the test tells a logit that is a tenth off";
  EXPECT_NE(count_pairs(1), pairs);
}

// Every draw again in binary64, from the words of the generator: the same experts (no two keys are closer than
// the roundings of three operations on numbers up to 128), weights as near as their roundings allow.
TEST(NearTies, DrawsAreThoseOfTheirElements) {
  const std::vector<double> z{100, 99, 98.5, 90};
  const Index T = 500, K = 2, E = 4;
  const Batch batch{.first = 77, .seed = 0x123456789abcdef, .step = 9, .training = true, .router = 2};
  const Routing drawn = reference::route(near_tie_router({100, 99, 98.5F, 90}, 0.01F, K), Matrix::Ones(T, 1), nullptr, batch);
  const std::uint32_t purpose = 2 << 8;
  const numerics::Stream gumbels{batch.seed, purpose | 6, 9}, midpoints{batch.seed, purpose | 7, 9};
  Index lowered = 0;
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++) {
      const auto slot = std::uint64_t((77 + t) * K + k);
      const int other = k == 0 ? -1 : drawn.selected(t, 0);
      const int b = other == 0 ? 1 : 0;
      double best = -1e9, sum = 0;
      int expert = -1;
      for (int e = 0; e < 3; e++) {
        if (e == other) continue;
        const double u = (2.0 * (numerics::random_word(gumbels, slot * E + std::uint64_t(e)) >> 9) + 1) / 0x1p24;
        const double key = z[std::size_t(e)] - std::log(-std::log(u));
        ASSERT_GT(std::fabs(key - best), 1e-5);
        if (key > best) expert = e;
        best = std::max(best, key);
        sum += std::exp(z[std::size_t(e)] - z[std::size_t(b)]);
      }
      ASSERT_EQ(drawn.selected(t, k), expert) << t << " " << k;
      const double U = (numerics::random_word(midpoints, slot) >> 8) / 0x1p24;
      const bool whole = expert == b || U > 0.75;
      const double q = std::exp(z[std::size_t(expert)] - z[std::size_t(b)]) / sum;
      EXPECT_NEAR(drawn.weights(t, k), whole ? q : q / 3, 8 * 0x1p-24 * q) << t << " " << k;
      lowered += whole ? 0 : 1;
    }
  EXPECT_GT(lowered, 100);
}

// Afterwards nothing is drawn: largest logits, q of the largest left, the same as by plain top-k.
TEST(NearTies, EvaluationDrawsNothing) {
  Router router = near_tie_router({98.5F, 99, 100, 90}, 0.01F, 2);
  const Batch batch{.seed = 8, .step = 3};
  const Routing after = reference::route(router, Matrix::Ones(9, 1), nullptr, batch);
  router.config.choice = Choice::top_k;
  const Routing plain = reference::route(router, Matrix::Ones(9, 1), nullptr, batch);
  for (Index t = 0; t < 9; t++) {
    EXPECT_EQ(after.selected(t, 0), 2);
    EXPECT_EQ(after.selected(t, 1), 1);
    EXPECT_NEAR(after.weights(t, 0), 1 / (1 + std::exp(-1.0) + std::exp(-1.5)), 1e-6);
    EXPECT_NEAR(after.weights(t, 1), 1 / (1 + std::exp(-0.5)), 1e-6);
  }
  EXPECT_EQ(after.selected, plain.selected);
  EXPECT_TRUE(same_bits(after.weights, plain.weights));
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
    const Recording trace = trace_of(c, batch);
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

// Dynamic MoE: as few of the best experts as sum to 0.4, with their probabilities as weights; Mesh: the second
// of two where it has more than a fifth of their sum.
TEST(RouterChoice, AdaptiveNumberOfExperts) {
  const Case c = parse_case("preset=dynamic_moe T=300 D=16 F=1 E=16 K=16 seed=6");
  const Recording trace = trace_of(c, make_batch(c));
  const Matrix p = stage(trace, "scores"), w = stage(trace, "weights");
  const IntMatrix S = int_stage(trace, "selected");
  std::map<Index, int> numbers;
  for (Index t = 0; t < c.T; t++) {
    double before = 0;
    Index n = 0;
    for (; n < 16 && S(t, n) >= 0; n++) {
      EXPECT_LT(before, 0.4 + 1e-6) << t;
      before += double{p(t, S(t, n))};
      EXPECT_EQ(w(t, n), p(t, S(t, n)));
    }
    EXPECT_GT(before, 0.4 - 1e-6) << t;
    numbers[n]++;
  }
  EXPECT_GE(numbers.size(), 4U) << "some tokens need more experts than others";
  const Case two = parse_case("preset=mesh_threshold T=300 D=16 F=1 E=8 K=2 C=600 seed=6");
  Case all = two;
  all.preset = "mesh_top2";
  all.threshold = 1e-6F;  // a chance of 1
  const Recording thinned = trace_of(two, make_batch(two)), whole = trace_of(all, make_batch(two));
  Index alone = 0;
  for (Index t = 0; t < two.T; t++) {
    const float second = stage(whole, "weights")(t, 1);
    EXPECT_EQ(int_stage(thinned, "selected")(t, 1), second > 0.2F ? int_stage(whole, "selected")(t, 1) : -1);
    alone += second > 0.2F ? 0 : 1;
  }
  EXPECT_GT(alone, 10);
  EXPECT_LT(alone, 290);
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
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.near_tie = -0.01F; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.near_tie = NAN; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.score = Score::softmax; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.groups = {.count = 4, .kept = 2}; });
  refused("preset=dynamic_moe", [](SparseLayer& l) { l.router.config.later_threshold = NAN; });
  refused("preset=mesh_threshold", [](SparseLayer& l) { l.router.config.later_threshold = INFINITY; });
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
