// Losses against literal values (computed in binary64), other people's code, and laws.
// Tolerances: tests/support/small_matrices.h.
#include "reference/losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/error.h"
#include "reference/losses_diversity.h"
#include "reference/numerics/philox.h"
#include "reference/router.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using namespace moe::reference;

// The four tokens of the literal values: K = 2, E = 4.
const Matrix kZ = matrix({{2, 1, 0, -1}, {1.5, 1, .5, 0}, {0, 2, 1, 0}, {3, 0, 1, 2}});

TEST(Losses, CountsOfTheLiteral) {
  const IntMatrix S = best_experts(softmax_rows(kZ), 2);
  EXPECT_EQ(S, integers({{0, 1}, {0, 1}, {1, 2}, {0, 3}}));
  EXPECT_EQ(counts(S, 4), (Counts{3, 3, 1, 1}));
  EXPECT_EQ(counts(S, 4, Counted::first_choice), (Counts{3, 1, 0, 0}));
}

// p: exp 1, sum of 4 at most 3 + the terms' own 1, division 1: 6 (subtractions of the literal are
// exact, each exp is correctly rounded). P: 3 additions and a division: 10. L: f 1, chain 4, by
// alpha 1 and by the sequences 1: 17.
TEST(Losses, BalanceOfTheLiteral) {
  const Matrix p = softmax_rows(kZ);
  const IntMatrix S = best_experts(p, 2);
  const double expected[] = {0.456369323, 0.288810363, 0.141552243, 0.113268071};
  for (Index e = 0; e < 4; e++) near(mean_scores(p, 4)[e], expected[e], 10);
  near(balance_loss(balance_named("switch"), p, S, 1), 1.657918333, 17);
  near(balance_loss(balance_named("gshard"), p, S, 1), 1.657918333, 17);
  near(balance_loss(balance_named("megatron"), p, S, 1), 1.245179686, 17);
  near(balance_loss(balance_named("deepseek_moe"), p, S, 1), 1.245179686, 17);
  near(balance_loss(balance_named("hugging_face"), p, S, 1), 2.490359372, 17);
  near(balance_loss(balance_named("flaxformer"), p, S, 0.5F), 0.5 * 2.490359372, 17);
}

// lse = m + log(sum): the sum has 5 of relative error (exp 1, additions E - 1 = 5 below), so log is
// off by that much *absolutely*, plus its own rounding and that of the addition. With lse > 1 this
// is at most E + 2 roundings relative to lse; squared, twice that; chain T, division, coefficient.
TEST(Losses, ZLossOfTheLiteral) {
  const std::vector<float> z{0.5, -1.0, 2.0, 1.5, 0.0, -0.5};
  near(log_sum_exp(z), 2.740444884, 6 + 2);
  Matrix one(1, 6);
  for (Index e = 0; e < 6; e++) one(0, e) = z[static_cast<std::size_t>(e)];
  near(z_loss(one, 1), 7.510038162, 2 * (6 + 2) + 3);
  near(z_loss(kZ, 1), 7.310111492, 2 * (4 + 2) + 4 + 2);
  near(z_loss(kZ, 0.001F), 0.007310111492, 2 * (4 + 2) + 4 + 2 + 1, 1e-12);
}

TEST(Losses, LogSumExpDoesNotOverflow) {
  EXPECT_EQ(log_sum_exp({1000, -1000}), 1000);
  EXPECT_EQ(log_sum_exp({-1000}), -1000);
  EXPECT_TRUE(std::isnan(log_sum_exp({1, NAN})));
  EXPECT_TRUE(std::isnan(log_sum_exp({1, std::numeric_limits<float>::infinity()})));
}

TEST(Losses, CvSquared) {
  EXPECT_EQ(cv_squared(vector({3, 3, 1, 1}), Variance::population, 0), 0.25F);
  EXPECT_EQ(cv_squared(vector({3, 3, 1, 1}), Variance::unbiased, 0), 4.0F / 3.0F / 4.0F);
  EXPECT_EQ(cv_squared(vector({3, 3, 1, 1}), Variance::population, 4), 0.125F);
  EXPECT_EQ(cv_squared(vector({0, 0, 0}), Variance::population, 0), 0);
  EXPECT_EQ(cv_squared(vector({5}), Variance::unbiased, 0), 0);
  EXPECT_EQ(cv_squared(Vector(), Variance::population, 0), 0);
}

// An even load of 8 tokens over 4 experts with dyadic scores: no operation rounds.
TEST(Losses, EvenLoadGivesExactlyItsBalancedValue) {
  IntMatrix S(8, 2);
  for (int t = 0; t < 8; t++) S.row(t) << t % 4, (t + 1) % 4;
  const Matrix p = Matrix::Constant(8, 4, 0.25F);
  const float alpha = 0.01F;
  for (const Balance& row : balances())
    for (const Index sequence : {4, 8}) {
      const auto value = static_cast<float>(balanced_value(row, 2));
      EXPECT_EQ(balance_loss(row, p, S, alpha, sequence), value * alpha) << row.name;
    }
  EXPECT_EQ(balanced_value(balance_named("hugging_face"), 2), 2);
  EXPECT_EQ(balanced_value(balance_named("switch"), 2), 1);
  // One expert takes every first choice and all the probability: E.
  IntMatrix skewed = S;
  skewed.col(0).setZero();
  Matrix certain = Matrix::Zero(8, 4);
  certain.col(0).setOnes();
  EXPECT_EQ(balance_loss(balance_named("gshard"), certain, skewed, 1), 4);
}

TEST(Losses, SequencesAreBalancedOneByOne) {
  // Each sequence is collapsed onto its own expert; the batch as a whole is even.
  const IntMatrix S = integers({{0}, {0}, {1}, {1}});
  const Matrix p = matrix({{1, 0}, {1, 0}, {0, 1}, {0, 1}});
  const Balance& v3 = balance_named("deepseek_v3");
  EXPECT_EQ(balance_loss(balance_named("deepseek_moe"), p, S, 1), 1);
  EXPECT_EQ(balance_loss(v3, p, S, 1, 2), 2);
  EXPECT_EQ(balance_loss(v3, p, S, 1, 4), 1);
  EXPECT_THROW(balance_loss(v3, p, S, 1), Error);
  EXPECT_THROW(balance_loss(v3, p, S, 1, 3), Error);
}

TEST(Losses, DeepSeekV3DividesScoresByTheirSum) {
  const Matrix s = matrix({{0.5F, 0.25F, 0.25F}, {0.125F, 0.125F, 0.75F}});
  EXPECT_EQ(normalised_scores(2 * s), s);
  const IntMatrix S = best_experts(s, 1);
  const Balance& v3 = balance_named("deepseek_v3");
  EXPECT_EQ(balance_loss(v3, 0.5F * s, S, 1, 2), balance_loss(v3, s, S, 1, 2));
  EXPECT_NE(balance_loss(balance_named("deepseek_v2"), 0.5F * s, S, 1, 2),
            balance_loss(v3, s, S, 1, 2));
}

TEST(Losses, PartsOfAGlobalBatchAddUpToTheWhole) {
  const Matrix p = matrix({{.5F, .5F}, {.75F, .25F}, {.125F, .875F}, {.25F, .75F}});
  const IntMatrix S = best_experts(p, 1);
  const Balance& megatron = balance_named("megatron");
  const Matrix parts[] = {p.topRows(1), p.bottomRows(3)};
  const Counts n[] = {counts(S.topRows(1), 2), counts(S.bottomRows(3), 2)};
  const Vector f = load_fractions(megatron, total(n), 4, 1);
  float sum = 0, local = 0;
  for (const Matrix& part : parts) {
    sum += balance_sum(f, mean_scores(part, 4));
    local += balance_sum(f, mean_scores(part, part.rows()));
  }
  EXPECT_EQ(total(n), counts(S, 2));
  EXPECT_EQ(sum, balance_loss(megatron, p, S, 1));
  EXPECT_NE(local, sum);
}

TEST(Losses, LayersTogetherAreNotTheMeanOfLayers) {
  // Two layers, each collapsed onto another expert: concatenated they look even.
  const Matrix p = matrix({{1, 0}, {0, 1}});
  const IntMatrix S = integers({{0}, {1}});
  const Balance& hf = balance_named("hugging_face");
  EXPECT_EQ(balance_loss(hf, p, S, 1), 1);
  EXPECT_EQ(balance_loss(hf, p.topRows(1), S.topRows(1), 1), 2);
  EXPECT_EQ(balance_loss(hf, p.bottomRows(1), S.bottomRows(1), 1), 2);
}

TEST(Losses, UnusedSlotsAndPaddingDoNotCount) {
  const IntMatrix S = integers({{0, -1}, {-1, 1}, {1, 0}});
  EXPECT_EQ(counts(S, 3), (Counts{2, 2, 0}));
  EXPECT_EQ(counts(S, 3, Counted::first_choice), (Counts{1, 1, 0}));
  const std::vector<bool> real{true, false, true};
  EXPECT_EQ(real_choices(S, real), integers({{0, -1}, {1, 0}}));
  const Matrix z = matrix({{1, 2}, {3, 4}, {5, 6}});
  EXPECT_EQ(real_tokens(z, real), matrix({{1, 2}, {5, 6}}));
  EXPECT_NE(z_loss(real_tokens(z, real), 1), z_loss(z, 1));
  EXPECT_THROW(real_tokens(z, {true}), Error);
}

TEST(Losses, NoTokensAndOneExpert) {
  for (const Balance& row : balances()) {
    EXPECT_EQ(balance_loss(row, Matrix(0, 4), IntMatrix(0, 2), 1, 3), 0) << row.name;
    EXPECT_EQ(balance_loss(row, Matrix::Ones(2, 1), IntMatrix::Zero(2, 1), 1, 2), 1) << row.name;
  }
  EXPECT_EQ(z_loss(Matrix(0, 4), 1), 0);
  EXPECT_EQ(z_loss(matrix({{3}, {-1}}), 1), 5);
  EXPECT_EQ(communication_loss(IntMatrix(0, 2), Vector::Zero(4), 2, 1, 1), 0);
  EXPECT_EQ(column_sums(Matrix(0, 3)), Vector::Zero(3));
  EXPECT_EQ(score_variance(Matrix(0, 3)), 0);
  EXPECT_EQ(batchwise_loss(Matrix(0, 3), Vector::Zero(3), 1), 0);
}

TEST(Losses, NonsenseIsRefused) {
  const Balance& b = balance_named("megatron");
  EXPECT_THROW(balance_named("Megatron"), Error);
  EXPECT_THROW(counts(integers({{4}}), 4), Error);
  EXPECT_THROW(counts(integers({{-2}}), 4), Error);
  EXPECT_THROW(counts(IntMatrix(3, 0), 4), Error);
  EXPECT_THROW(counts(IntMatrix(0, 1), 0), Error);
  EXPECT_THROW(balance_loss(b, Matrix::Ones(2, 3), IntMatrix::Zero(3, 1), 1), Error);
  EXPECT_THROW(balance_sum(Vector::Ones(2), Vector::Ones(3)), Error);
  EXPECT_THROW(mean_scores(Matrix::Ones(3, 2), 2), Error);
  EXPECT_THROW(load_fractions(b, {1}, 1, 0), Error);
  EXPECT_THROW(total(std::vector<Counts>{{1, 2}, {1}}), Error);
  EXPECT_THROW(best_experts(Matrix::Ones(2, 3), 4), Error);
  EXPECT_THROW(log_sum_exp({}), Error);
  EXPECT_THROW(z_loss(Matrix(2, 0), 1), Error);
  EXPECT_THROW(device_loss(Vector::Ones(4), Vector::Ones(4), 3, 1), Error);
  EXPECT_THROW(communication_loss(integers({{0}}), Vector::Ones(4), 2, 3, 1), Error);
  EXPECT_THROW(bias_update(Vector::Ones(2), {1}, 1, BiasRule::sign), Error);
  EXPECT_THROW(thresholds(Matrix::Ones(1, 2), 3, Threshold::kth_largest), Error);
  EXPECT_THROW(chance_of_choice(kZ, kZ, Matrix::Zero(4, 4)), Error);
  EXPECT_THROW(chance_of_choice(kZ, kZ, Matrix::Constant(4, 4, NAN)), Error);
  EXPECT_THROW(gates(integers({{0, 1}}), Matrix::Ones(1, 1), 2), Error);
  EXPECT_THROW(hierarchical_importance(Matrix::Ones(2, 2), Matrix::Ones(2, 3)), Error);
  EXPECT_THROW(longcat_loss({.real = 4, .devices = 2}, {1}, Vector::Ones(4), 1, 1), Error);
  EXPECT_THROW(output_orthogonality(Matrix::Ones(3, 2), IntMatrix::Zero(2, 2), 0), Error);
}

TEST(Losses, Devices) {
  const Vector f = vector({2, 1, 0, 1});
  const Vector P = vector({.5F, .25F, .125F, .125F});
  EXPECT_EQ(device_loss(f, P, 2, 1), 1.5F * 0.75F + 0.5F * 0.25F);
  EXPECT_EQ(device_loss(f, P, 1, 0.5F), 0.5F);
  EXPECT_EQ(device_loss(f, P, 4, 1), balance_sum(f, P));
  // Device 0 is visited by two of two tokens, device 1 by one; M = 2.
  const IntMatrix S = integers({{0, 1}, {3, 0}});
  EXPECT_EQ(communication_loss(S, P, 2, 2, 1), 1.0F * 0.75F + 0.5F * 0.25F);
  EXPECT_EQ(communication_loss(S, P, 2, 1, 1), 2.0F * 0.75F + 1.0F * 0.25F);
  EXPECT_EQ(communication_loss(integers({{-1, 1}, {3, -1}}), P, 2, 1, 1), 0.75F + 0.25F);
}

TEST(Losses, LongCat) {
  // 4 real experts on 2 devices and 4 zero experts; 2 of 4 choices should be real.
  const LongCat sizes{.real = 4, .devices = 2, .real_chosen = 2, .chosen = 4};
  const Vector P = Vector::Constant(8, 0.125F);
  EXPECT_EQ(longcat_loss(sizes, {1, 1, 1, 1, 1, 1, 1, 1}, P, 2, 0.5F), 0.5F);
  EXPECT_EQ(longcat_loss(sizes, {4, 0, 0, 0, 4, 0, 0, 0}, P, 2, 1), 2 * 0.25F + 1 * 0.5F);
  const Vector bias = Vector::Constant(8, 0.5F);
  EXPECT_EQ(longcat_bias_update(sizes, bias, {2, 0, 1, 1, 4, 0, 0, 0}, 2, 2),
            vector({.25F, .75F, .5F, .5F, .5F, .5F, .5F, .5F}));
  EXPECT_EQ(longcat_bias_update(sizes, bias, Counts(8, 0), 0, 2), bias);
}

TEST(Losses, BiasFollowsTheLoad) {
  const Vector bias = vector({0, 1, 0, -1});
  const Counts n{4, 2, 1, 1};
  EXPECT_EQ(bias_update(bias, n, .25F, BiasRule::sign), vector({-.25F, 1, .25F, -.75F}));
  EXPECT_EQ(bias_update(bias, n, .25F, BiasRule::proportional), vector({-.5F, 1, .25F, -.75F}));
  // A mean of 4/3: the sign is that of exact integers.
  EXPECT_EQ(bias_update(Vector::Zero(3), {1, 1, 2}, 1, BiasRule::sign), vector({1, 1, -1}));
}

// Four tokens, two experts, K = 1: each is to have m = 2. Everybody prefers expert 0 by 7/8, 6/8, 3/8, 1/8, and
// a_t is the other score. Margins of expert 0: these; its third is 3/8. Of expert 1: 0. Then tokens 0 and 1 stay
// with 0, token 3 goes, and token 2 stands where the quantile is: equal keys, so the lower index. A further step
// has a = 1/8, 1/8, 1/8, -1/8 and finds the same bias.
TEST(Losses, QuantileBiasSplitsTheTokens) {
  const Matrix s = matrix({{1, .125F}, {.875F, .125F}, {.5F, .125F}, {.25F, .125F}});
  const Vector next = quantile_bias(vector({0, 0}), s, 1);
  EXPECT_EQ(next, vector({-.375F, 0}));
  std::vector<Index> chosen;
  for (Index t = 0; t < 4; t++) chosen.push_back(top_k({s(t, 0) + next[0], s(t, 1) + next[1]}, 1)[0]);
  EXPECT_EQ(chosen, (std::vector<Index>{0, 0, 0, 1}));
  EXPECT_EQ(quantile_bias(next, s, 1), vector({-.375F, 0}));
  EXPECT_EQ(quantile_bias(vector({1, 2}), Matrix(0, 2), 1), vector({1, 2}));
  EXPECT_THROW(quantile_bias(vector({0, 0}), s, 2), Error);
  EXPECT_THROW(quantile_bias(vector({0, 0}), s.topRows(3), 1), Error);
  EXPECT_THROW(quantile_bias(vector({0, 0, 0}), s, 1), Error);
}

// Scores that favour the later experts: without a bias one has more than twice its m tokens, after twenty steps all
// are within a quarter of it.
TEST(Losses, QuantileBiasBalances) {
  const Index T = 240, E = 8, K = 2;
  Matrix s(T, E);
  for (Index t = 0; t < T; t++)
    for (Index e = 0; e < E; e++)
      s(t, e) = numerics::random_uniform({.seed = 7}, static_cast<std::uint64_t>(t * E + e)) + static_cast<float>(e) * 0.1F;
  const auto loads = [&](const Vector& bias) {
    std::vector<Index> n(std::size_t(E), 0);
    for (Index t = 0; t < T; t++) {
      std::vector<float> keys;
      for (Index e = 0; e < E; e++) keys.push_back(s(t, e) + bias[e]);
      for (const Index e : top_k(keys, K)) n[std::size_t(e)]++;
    }
    return n;
  };
  Vector bias = Vector::Zero(E);
  EXPECT_GT(std::ranges::max(loads(bias)), 2 * K * T / E);
  for (int step = 0; step < 20; step++) bias = quantile_bias(bias, s, K);
  EXPECT_LT(std::ranges::max(loads(bias)), K * T / E * 5 / 4);
  EXPECT_GT(std::ranges::min(loads(bias)), K * T / E * 3 / 4);
}

// u = (z - threshold)/std: of the literal's decimal inputs each is off by one rounding, and so is
// the difference, relative to values of at most 1; /std, /sqrt 2. phi(u) <= 0.4 times |u| <= 1:
// 8 roundings of at most 1, absolutely, and 3 of Phi itself.
TEST(Losses, NoisyTopKOfTheLiteral) {
  const Matrix z = matrix({{1, .5F, 0, -.5F}});
  const Matrix std = matrix({{1, .5F, .5F, 1}});
  const Matrix H = matrix({{.5F, .8F, .2F, -.2F}});
  const IntMatrix S = best_experts(H, 2);
  EXPECT_EQ(S, integers({{1, 0}}));
  const float a = H(0, 0), b = H(0, 1), c = H(0, 2);
  EXPECT_EQ(thresholds(H, 2, Threshold::leave_one_out), matrix({{c, c, a, a}}));
  EXPECT_EQ(thresholds(H, 2, Threshold::kth_largest), matrix({{a, a, a, a}}));
  const std::vector<float> w = softmax({b, a});
  const Matrix G = gates(S, matrix({{w[0], w[1]}}), 4);
  const double expected_G[] = {0.425557483, 0.574442517, 0, 0};
  const Matrix P = chance_of_choice(z, thresholds(H, 2, Threshold::leave_one_out), std);
  const double expected_P[] = {0.788144601, 0.725746882, 0.158655254, 0.158655254};
  for (Index e = 0; e < 4; e++) {
    near(G(0, e), expected_G[e], 6);
    near(P(0, e), expected_P[e], 3, 0.5e-9 + 8 * 0x1p-24);
  }
  EXPECT_EQ(column_sums(G), G.row(0).transpose());
}

TEST(Losses, NoisyTopKWithoutARivalIsCertain) {
  const Matrix H = matrix({{3, 1}, {0, 2}});
  const Matrix P = chance_of_choice(H, thresholds(H, 2, Threshold::leave_one_out),
                                    noise_std(Matrix::Zero(2, 2), 0.01F));
  EXPECT_EQ(P, Matrix::Ones(2, 2));
  EXPECT_EQ(noise_std(Matrix::Zero(1, 1), 0)(0, 0), 0.693147181F);
  EXPECT_EQ(noise_std(Matrix::Zero(1, 1), 1)(0, 0), 1.693147181F);
}

TEST(Losses, TwoLevels) {
  const Matrix outer = matrix({{.5F, .5F}, {1, 0}, {.25F, 0}});
  const Matrix inner = matrix({{1, 0, .5F, .5F}, {.5F, .5F, 1, 0}, {0, 1, 1, 1}});
  EXPECT_EQ(hierarchical_importance(outer, inner), vector({1, .75F, .25F, .25F}));
  // Group 0 is visited by three tokens, group 1 by the first alone.
  EXPECT_EQ(hierarchical_load(vector({6, 2}), outer, inner), vector({3, 3, 1, 1}));
  EXPECT_EQ(hierarchical_load(vector({6, 2}), Matrix::Zero(3, 2), inner), Vector::Zero(4));
}

TEST(Losses, BatchwiseThresholds) {
  // K T / E = 1 token an expert: token 0 for the first, token 1 for the second.
  const Matrix g = matrix({{.875F, .125F}, {.25F, .75F}});
  EXPECT_EQ(batchwise_loss(g, vector({.5F, .5F}), 1), 0);
  EXPECT_EQ(batchwise_loss(g, vector({.125F, .875F}), 1), (.25F - .125F) - (.75F - .875F));
}

TEST(Losses, Diversity) {
  const Matrix o = matrix({{1, 0}, {2, 2}, {0, 3}, {5, 5}});
  // <o0,o1> = 2, |o1|^2 = 8, |o0|^2 = 1: projections .25 o1 and 2 o0; token 1 has one slot.
  EXPECT_EQ(output_orthogonality(o, integers({{0, 1}, {2, -1}}), 0), 0.5F + 4);
  EXPECT_EQ(output_orthogonality(o, integers({{0, -1}, {-1, -1}}), 0), 0);
  EXPECT_EQ(score_variance(matrix({{1, 0}, {3, 0}})), -1);
  const Matrix a = matrix({{1, 0}, {0, 2}}), b = matrix({{0, 1}, {3, 0}});
  EXPECT_EQ(weight_orthogonality({a, b}), 1 + 36);
  EXPECT_EQ(weight_orthogonality({matrix({{1}, {0}}), matrix({{0}, {1}})}), 0);
  EXPECT_EQ(weight_orthogonality({a}), 0);
}

// Softmax of what is already a softmax (a library's mistake) leaves P within a factor e of even.
TEST(Losses, SoftmaxTwiceHidesImbalance) {
  Matrix z = Matrix::Zero(4, 4);
  z.col(0).setConstant(30);
  const IntMatrix S = best_experts(z, 1);
  const Balance& hf = balance_named("hugging_face");
  const Matrix p = softmax_rows(z);
  EXPECT_GT(balance_loss(hf, p, S, 1), 3.99F);
  EXPECT_LT(balance_loss(hf, softmax_rows(p), S, 1), 2);
}

}  // namespace
}  // namespace moe::test
