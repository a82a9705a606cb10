// SparseMixer: draws among near ties, against hand, chance and binary64.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "check/case.h"
#include "reference/presets.h"
#include "reference/router.h"
#include "tests/support/rows.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

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

}  // namespace
}  // namespace moe::test
