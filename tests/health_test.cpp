// Health metrics on data whose answers are known.
//
// Where a test compares with a tolerance: u = 2^-24 per rounding, counted in the comment, of values
// that do not cancel.
#include "reference/health.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference/error.h"

namespace moe::test {
namespace {

using namespace moe::reference;

IntMatrix pairs(std::initializer_list<std::pair<int, int>> rows) {
  IntMatrix m(static_cast<Index>(rows.size()), 2);
  Index t = 0;
  for (const auto& [a, b] : rows) m.row(t++) << a, b;
  return m;
}

TEST(Health, LoadOfTheLiteral) {
  const Counts n{3, 3, 1, 1};
  EXPECT_EQ(max_violation(n), 0.5F);
  EXPECT_EQ(max_over_mean(n), 1.5F);
  EXPECT_EQ(load_cv(n), 0.5F);
  EXPECT_EQ(gini(n), 0.25F);  // 4 pairs differ by 2, both ways: 16 / (2 * 4 * 8)
}

TEST(Health, LoadAtItsExtremes) {
  for (const Counts& n : {Counts{5, 5, 5, 5}, Counts{7}, Counts{0, 0}}) {
    EXPECT_EQ(max_violation(n), 0);
    EXPECT_EQ(load_cv(n), 0);
    EXPECT_EQ(gini(n), 0);
  }
  EXPECT_EQ(max_over_mean({7}), 1);
  EXPECT_EQ(max_over_mean({0, 0}), 0);
  EXPECT_EQ(max_violation({0, 8, 0, 0}), 3);
  EXPECT_EQ(gini({0, 8, 0, 0}), 0.75F);
  EXPECT_EQ(load_cv({0, 8}), 1);
  EXPECT_THROW(max_violation({}), Error);
  EXPECT_THROW(gini({1, -1}), Error);
}

TEST(Health, ViolationOfBatchesIsNotThatOfTheirTotal) {
  const Counts parts[] = {{4, 0}, {0, 4}};
  EXPECT_EQ(max_violation(parts[0]), 1);
  EXPECT_EQ(max_violation(total(parts)), 0);
}

TEST(Health, DeadExperts) {
  const Counts n{0, 1, 40, 39};  // an even load is 20
  EXPECT_EQ(dead_experts(n, 0), (std::vector<Index>{0}));
  EXPECT_EQ(dead_experts(n, 0.1F), (std::vector<Index>{0, 1}));
  EXPECT_EQ(dead_experts({5, 5}, 1), (std::vector<Index>{}));
  EXPECT_EQ(dead_experts({0, 0}, 0.1F), (std::vector<Index>{0, 1}));
  EXPECT_THROW(dead_experts(n, 2), Error);
  EXPECT_THROW(dead_experts(n, NAN), Error);
}

// Entropy of (1/4, ..., 1/4): four products of log 4 by a power of two are exact, the chain rounds
// three times; the mean of equal numbers of a power of two of tokens is exact.
TEST(Health, Entropy) {
  Matrix p(2, 4);
  p.row(0).setConstant(0.25F);
  p.row(1) << 0, 1, 0, 0;
  EXPECT_EQ(entropy_of(p.row(1).transpose()), 0);
  EXPECT_FALSE(std::signbit(entropy_of(p.row(1).transpose())));
  EXPECT_NEAR(entropy_of(p.row(0).transpose()), std::log(4.0), 4 * 0x1p-24 * 2);
  const Entropy h = entropy(p);
  EXPECT_NEAR(h.mean, std::log(4.0) / 2, 4 * 0x1p-24);
  EXPECT_NEAR(h.relative, 0.5, 6 * 0x1p-24);
  const double mean[] = {1.0 / 8, 5.0 / 8, 1.0 / 8, 1.0 / 8};
  double expected = 0;
  for (const double P : mean) expected -= P * std::log(P);
  EXPECT_NEAR(h.of_mean, expected, 8 * 0x1p-24 * expected);
  EXPECT_GT(h.of_mean, h.mean);
}

TEST(Health, EntropyWithoutTokensOrChoice) {
  const Entropy none = entropy(Matrix(0, 3));
  EXPECT_EQ(none.mean, 0);
  EXPECT_EQ(none.of_mean, 0);
  const Entropy one = entropy(Matrix::Ones(3, 1));
  EXPECT_EQ(one.mean, 0);
  EXPECT_EQ(one.relative, 0);
  EXPECT_THROW(entropy(Matrix(2, 0)), Error);
  EXPECT_TRUE(std::isnan(entropy(Matrix::Constant(1, 2, NAN)).mean));
}

TEST(Health, Drops) {
  const IntMatrix S = pairs({{0, 1}, {1, -1}, {2, 0}, {-1, -1}});
  const IntMatrix places = pairs({{0, -1}, {-1, -1}, {1, 2}, {-1, -1}});
  const Drops d = drops(S, places);
  EXPECT_EQ(d.chosen, 5);
  EXPECT_EQ(d.dropped, 2);
  EXPECT_EQ(d.rate, 0.4F);
  EXPECT_EQ(d.tokens_lost, 1);  // token 1; token 3 chose nothing
  EXPECT_EQ(d.lost_fraction, 0.25F);
  EXPECT_EQ(drops(IntMatrix(0, 2), IntMatrix(0, 2)).rate, 0);
  EXPECT_EQ(drops(IntMatrix(0, 2), IntMatrix(0, 2)).lost_fraction, 0);
  EXPECT_THROW(drops(S, IntMatrix::Zero(4, 1)), Error);
  EXPECT_THROW(drops(S, IntMatrix::Zero(4, 2)), Error);
}

TEST(Health, ChosenTogether) {
  const IntMatrix together = chosen_together(pairs({{0, 1}, {1, 0}, {0, 2}, {2, -1}}), 4);
  IntMatrix expected(4, 4);
  expected << 3, 2, 1, 0, 2, 2, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0;
  EXPECT_EQ(together, expected);
  const Matrix share = overlap(together);
  EXPECT_EQ(share(0, 1), 2.0F / 3.0F);
  EXPECT_EQ(share(0, 2), 0.25F);
  EXPECT_EQ(share(1, 2), 0);
  EXPECT_EQ(share(0, 0), 1);
  EXPECT_EQ(share(3, 3), 0);
  EXPECT_THROW(chosen_together(pairs({{0, 4}}), 4), Error);
  EXPECT_THROW(overlap(IntMatrix::Zero(2, 3)), Error);
}

TEST(Health, CosineSimilarity) {
  Matrix rows(4, 2);
  rows << 3, 4, -6, -8, 4, -3, 0, 0;
  const Matrix c = cosine_similarity(rows);
  EXPECT_EQ(c(0, 0), 1);
  EXPECT_EQ(c(0, 1), -1);
  EXPECT_EQ(c(0, 2), 0);
  EXPECT_EQ(c(3, 0), 0);
  EXPECT_EQ(c(3, 3), 0);
  rows(3, 0) = 1;
  EXPECT_EQ(cosine_similarity(rows)(0, 3), 0.6F);
  EXPECT_EQ(cosine_similarity(Matrix(0, 3)).size(), 0);
}

TEST(Health, LinearCka) {
  Matrix x(4, 2), y(4, 1);
  x << 1, 0, -1, 0, 0, 1, 0, -1;
  y << 1, -1, 0, 0;
  // Xc^T Xc = 2 I, norm sqrt 8; Yc^T Yc = 2; Yc^T Xc = (2, 0): 4 / (2 sqrt 8). Four roundings.
  EXPECT_NEAR(linear_cka(x, y), 1 / std::sqrt(2.0), 4 * 0x1p-24);
  Matrix turned(4, 2);  // by a right angle, scaled and shifted: the same similarity
  turned << 5, 7, 5, 3, 3, 5, 7, 5;
  EXPECT_NEAR(linear_cka(x, turned), 1, 4 * 0x1p-24);
  EXPECT_EQ(linear_cka(x, Matrix::Ones(4, 3)), 0);
  EXPECT_EQ(linear_cka(Matrix(0, 2), Matrix(0, 1)), 0);
  EXPECT_THROW(linear_cka(x, Matrix::Ones(3, 1)), Error);
}

}  // namespace
}  // namespace moe::test
