// Experts choose tokens, a token is taken by b of them at most: against all choices there are, and, where those are too many, against the
// condition that makes a choice the best: no exchange in a circle is a gain.
#include "reference/capped_choice.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "reference/error.h"
#include "reference/numerics/exact_sum.h"
#include "reference/router.h"

namespace moe::test {
namespace {

using numerics::ExactSum;

// Scores of several kinds: multiples of 2^-20, so that sums of them are exact in 64 bits, many of them equal, or any numbers.
Matrix draw(const std::string& kind, Index T, Index E, std::mt19937& random) {
  Matrix s(T, E);
  for (Index t = 0; t < T; t++)
    for (Index e = 0; e < E; e++) {
      s(t, e) = static_cast<float>(random() >> 12) * 0x1p-20F;
      if (kind == "ties") s(t, e) = static_cast<float>(random() % 4) * 0.25F;
      if (kind == "one wanted") s(t, e) = (t == 0 ? 0.5F : 0) + static_cast<float>(random() >> 13) * 0x1p-20F;
      if (kind == "range") s(t, e) = std::ldexp(s(t, e), -static_cast<int>(random() % 120));
      if (kind == "NaN" && random() % 4 == 0) s(t, e) = NAN;
    }
  return s;
}

// [T,E] who holds what, after checking the lists themselves: best first, then -1.
IntMatrix held_by(const IntMatrix& lists, const Matrix& s, Index b, const std::string& name) {
  const Index T = s.rows(), E = s.cols(), C = lists.cols();
  IntMatrix held = IntMatrix::Zero(T, E);
  for (Index e = 0; e < E; e++)
    for (Index c = 0; c < C; c++) {
      const Index t = lists(e, c);
      EXPECT_TRUE(t >= -1 && t < T) << name;
      if (t < 0) continue;
      EXPECT_EQ(held(t, e), 0) << name;
      held(t, e) = 1;
      if (c == 0) continue;
      const Index before = lists(e, c - 1);
      EXPECT_GE(before, 0) << name;
      if (before >= 0) {
        EXPECT_TRUE(s(before, e) > s(t, e) || (s(before, e) == s(t, e) && before < t) || std::isnan(s(t, e))) << name;
      }
    }
  for (Index t = 0; t < T; t++) EXPECT_LE(held.row(t).sum(), b) << name;
  EXPECT_EQ(held.sum(), std::min(E * C, T * std::min(b, E))) << name;
  return held;
}

ExactSum worth(const Matrix& s, Index t, Index e) { return numerics::exact(std::isnan(s(t, e)) ? -1.0F : s(t, e)); }

TEST(CappedChoice, IsTheBestOfAllChoices) {
  std::mt19937 random(1);
  for (const char* kind : {"plain", "ties", "one wanted", "range", "NaN"})
    for (const auto& [T, E] : {std::array<Index, 2>{1, 1}, {1, 3}, {2, 2}, {3, 2}, {5, 2}, {2, 3}, {3, 3}, {4, 3}})
      for (Index C = 0; C <= T; C++)
        for (Index b = 1; b <= E; b++) {
          const std::string name = fmt::format("{} T={} E={} C={} b={}", kind, T, E, C, b);
          const Matrix s = draw(kind, T, E, random);
          const IntMatrix held = held_by(capped_choice(s, C, b), s, b, name);
          ExactSum found;
          for (Index i = 0; i < held.size(); i++)
            if (held.data()[i] != 0) found = found + worth(s, i / E, i % E);
          int most = -1;
          ExactSum best;
          for (unsigned set = 0; set < 1U << (T * E); set++) {
            std::vector<Index> tokens(std::size_t(T), 0), experts(std::size_t(E), 0);
            bool fits = true;
            ExactSum sum;
            for (Index i = 0; i < T * E; i++) {
              if ((set >> i & 1) == 0) continue;
              fits = fits && ++tokens[std::size_t(i / E)] <= b && ++experts[std::size_t(i % E)] <= C;
              if (!fits) break;
              sum = sum + worth(s, i / E, i % E);
            }
            if (!fits || std::popcount(set) < most) continue;
            if (std::popcount(set) > most || best < sum) best = sum;
            most = std::popcount(set);
          }
          ASSERT_EQ(held.sum(), most) << name;
          ASSERT_TRUE(found == best) << name;
        }
}

// Circles of exchanges, with sums in whole 2^-20: experts are nodes 0 to E-1, tokens E to E+T-1, then one that stands for what is
// free: a token with fewer than b experts where there is one, an empty slot of an expert where there is one.
bool can_be_improved(const Matrix& s, const IntMatrix& held, Index C, Index b) {
  const Index T = s.rows(), E = s.cols(), hub = E + T;
  const bool slots_stay_empty = E * C > T * b;
  struct Edge {
    Index from, to;
    std::int64_t gain;
  };
  std::vector<Edge> edges;
  for (Index t = 0; t < T; t++) {
    for (Index e = 0; e < E; e++) {
      const auto gain = static_cast<std::int64_t>(std::ldexp(double(s(t, e)), 20));
      if (held(t, e) == 0) edges.push_back({e, E + t, gain});
      if (held(t, e) != 0) edges.push_back({E + t, e, -gain});
    }
    if (!slots_stay_empty && held.row(t).sum() < b) edges.push_back({E + t, hub, 0});
    if (!slots_stay_empty && held.row(t).sum() > 0) edges.push_back({hub, E + t, 0});
  }
  for (Index e = 0; slots_stay_empty && e < E; e++) {
    if (held.col(e).sum() > 0) edges.push_back({e, hub, 0});
    if (held.col(e).sum() < C) edges.push_back({hub, e, 0});
  }
  std::vector<std::int64_t> reach(std::size_t(hub + 1), 0);
  for (Index i = 0; i <= hub; i++) {
    bool changed = false;
    for (const Edge& edge : edges) {
      const std::int64_t there = reach[std::size_t(edge.from)] + edge.gain;
      if (there <= reach[std::size_t(edge.to)]) continue;
      reach[std::size_t(edge.to)] = there;
      changed = true;
    }
    if (!changed) return false;
  }
  return true;
}

TEST(CappedChoice, NoCircleOfExchangesIsAGain) {
  std::mt19937 random(2);
  int improvable = 0;
  for (const char* kind : {"plain", "ties", "one wanted"})
    for (const auto& [T, E] : {std::array<Index, 2>{7, 3}, {16, 4}, {33, 5}, {24, 8}, {64, 8}, {96, 16}})
      for (const Index C : {Index{1}, T / 4, T / 2, T - 1, T})
        for (const Index b : {Index{1}, Index{2}, Index{3}}) {
          const std::string name = fmt::format("{} T={} E={} C={} b={}", kind, T, E, C, b);
          const Matrix s = draw(kind, T, E, random);
          IntMatrix held = held_by(capped_choice(s, C, b), s, b, name);
          ASSERT_FALSE(can_be_improved(s, held, C, b)) << name;
          // The condition notices a choice that is not the best: two experts trade tokens.
          for (Index t = 0; t + 1 < T; t++)
            if (held(t, 0) == 1 && held(t, 1) == 0 && held(t + 1, 0) == 0 && held(t + 1, 1) == 1 &&
                s(t, 0) + s(t + 1, 1) > s(t, 1) + s(t + 1, 0)) {
              held.block(t, 0, 2, 2) = 1 - held.block(t, 0, 2, 2).array();
              ASSERT_TRUE(can_be_improved(s, held, C, b)) << name;
              improvable++;
              break;
            }
        }
  EXPECT_GT(improvable, 50);
}

TEST(CappedChoice, ACapThatDoesNotBindChangesNothing) {
  std::mt19937 random(3);
  for (const char* kind : {"plain", "ties", "NaN"})
    for (const Index C : {0, 1, 4, 9}) {
      const Matrix s = draw(kind, 9, 3, random);
      for (const Index b : {3, 4, 100}) {
        const IntMatrix lists = capped_choice(s, C, b);
        for (Index e = 0; e < 3; e++) {
          const std::vector<float> column(s.col(e).begin(), s.col(e).end());
          const std::vector<Index> best = reference::top_k(column, C);
          for (Index c = 0; c < C; c++) ASSERT_EQ(lists(e, c), best[std::size_t(c)]);
        }
      }
    }
}

// Both experts want token 0 most. One must do without: the one that loses less by it.
TEST(CappedChoice, WhoLosesLessGivesWay) {
  Matrix s(3, 2);
  s << 0.75F, 0.875F,  //
      0.5F, 0.25F,     //
      0.125F, 0.375F;
  EXPECT_EQ(capped_choice(s, 1, 1), (IntMatrix(2, 1) << 1, 0).finished());
  EXPECT_EQ(capped_choice(s, 1, 2), (IntMatrix(2, 1) << 0, 0).finished());
  // Two each for three tokens, one expert a token: a slot stays empty. Token 1 to expert 0, token 2 to expert 1, token 0 where it is worth more.
  EXPECT_EQ(capped_choice(s, 2, 1), (IntMatrix(2, 2) << 1, -1, 0, 2).finished());
  EXPECT_EQ(capped_choice(s, 3, 1), (IntMatrix(2, 3) << 1, -1, -1, 0, 2, -1).finished());
  EXPECT_EQ(capped_choice(s, 0, 1).size(), 0);
}

// Expert 0 could have token 0 alone and the sum would be 3; with every slot filled, 2.5 is the most there is.
TEST(CappedChoice, FullSlotsComeBeforeALargeSum) {
  Matrix s(3, 3);
  s << 1, 0, 0,        //
      0, 0.5F, 0.5F,   //
      0, 0.5F, 0.5F;
  const IntMatrix lists = capped_choice(s, 2, 2);
  const IntMatrix held = held_by(lists, s, 2, "full");
  float sum = 0;
  for (Index i = 0; i < 9; i++)
    if (held.data()[i] != 0) sum += s.data()[i];
  EXPECT_EQ(sum, 2.5F);
}

TEST(CappedChoice, TiesKeepTheSmallerTokens) {
  const Matrix s = Matrix::Constant(4, 2, 0.5F);
  EXPECT_EQ(capped_choice(s, 2, 2), (IntMatrix(2, 2) << 0, 1, 0, 1).finished());
  EXPECT_EQ(capped_choice(s, 2, 1), (IntMatrix(2, 2) << 2, 3, 0, 1).finished());
  EXPECT_EQ(capped_choice(s, 3, 1), (IntMatrix(2, 3) << 3, -1, -1, 0, 1, 2).finished());
  EXPECT_EQ(capped_choice(Matrix::Constant(4, 2, NAN), 2, 1), (IntMatrix(2, 2) << 2, 3, 0, 1).finished());
}

TEST(CappedChoice, NoTokensAndOneOfEach) {
  EXPECT_EQ(capped_choice(Matrix(0, 3), 0, 1).rows(), 3);
  EXPECT_EQ(capped_choice(Matrix::Zero(1, 1), 1, 1)(0, 0), 0);
  EXPECT_EQ(capped_choice(Matrix::Zero(1, 3), 1, 1), (IntMatrix(3, 1) << -1, -1, 0).finished());
}

TEST(CappedChoice, RefusesWhatMakesNoSense) {
  const Matrix s = Matrix::Zero(3, 2);
  EXPECT_THROW(capped_choice(s, -1, 1), Error);
  EXPECT_THROW(capped_choice(s, 4, 1), Error);
  EXPECT_THROW(capped_choice(s, 1, 0), Error);
  Matrix odd = s;
  odd(1, 1) = std::numeric_limits<float>::infinity();
  EXPECT_THROW(capped_choice(odd, 1, 1), Error);
}

}  // namespace
}  // namespace moe::test
