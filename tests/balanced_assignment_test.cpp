// One expert a token, the same number of tokens for each: the auction of BASE layers against the
// maximum, the maximum against all partitions there are.
#include "reference/balanced_assignment.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "reference/error.h"
#include "reference/numerics/exact_sum.h"

namespace moe::test {
namespace {

using numerics::ExactSum;
using Experts = std::vector<Index>;

constexpr float kInf = std::numeric_limits<float>::infinity();
const char* const kKinds[] = {"normal", "ties", "skewed", "small", "equal", "large equal", "huge", "wild", "one column"};

Matrix draw(const std::string& kind, Index T, Index E, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Matrix a(T, E);
  Vector liking(E);
  for (Index e = 0; e < E; e++) liking[e] = 4 * normal(random);
  for (Index t = 0; t < T; t++)
    for (Index e = 0; e < E; e++) {
      const float x = normal(random);
      float& y = a(t, e);
      y = x;
      if (kind == "ties") y = static_cast<float>(random() % 3);
      if (kind == "skewed") y = x + liking[e];
      if (kind == "small") y = x * 1e-7F;
      if (kind == "equal") y = 0.25F;
      if (kind == "large equal") y = 1e8F;
      if (kind == "huge") y = (random() % 2 == 0 ? 1.0F : -1.0F) * std::ldexp(1.0F, 120 + static_cast<int>(random() % 8));
      if (kind == "wild") y = std::ldexp(x, static_cast<int>(random() % 200) - 100);
      if (kind == "one column") y = e == 0 ? x : 0;
    }
  return a;
}

void expect_shares(const Experts& experts, Index T, Index E, const std::string& name) {
  ASSERT_EQ(static_cast<Index>(experts.size()), T) << name;
  for (Index e = 0; e < E; e++) ASSERT_EQ(std::count(experts.begin(), experts.end(), e), T / E) << name;
}

ExactSum sum_of(const Matrix& a, const Experts& experts) {
  ExactSum sum;
  for (Index t = 0; t < a.rows(); t++) sum = sum + numerics::exact(a(t, experts[std::size_t(t)]));
  return sum;
}

double real_sum(const Matrix& a, const Experts& experts) {
  double sum = 0;
  for (Index t = 0; t < a.rows(); t++) sum += double(a(t, experts[std::size_t(t)]));
  return sum;
}

TEST(BalancedAssignment, ExactIsTheBestOfAllPartitions) {
  std::mt19937 random(1);
  for (const char* kind : kKinds)
    for (const auto& [T, E] : {std::array<Index, 2>{1, 1}, {2, 2}, {3, 3}, {4, 2}, {6, 2}, {6, 3}, {4, 4}, {8, 2}, {8, 4}})
      for (int i = 0; i < 4; i++) {
        const Matrix a = draw(kind, T, E, random);
        const Experts found = balanced_assignment_exact(a);
        ASSERT_NO_FATAL_FAILURE(expect_shares(found, T, E, kind));
        Experts all;
        for (Index t = 0; t < T; t++) all.push_back(t / (T / E));
        ExactSum best = sum_of(a, all);
        while (std::next_permutation(all.begin(), all.end())) {
          const ExactSum sum = sum_of(a, all);
          if (best < sum) best = sum;
        }
        ASSERT_TRUE(best == sum_of(a, found)) << kind << " T=" << T << " E=" << E;
      }
}

TEST(BalancedAssignment, AlwaysSharesEvenly) {
  std::mt19937 random(2);
  int given_away = 0;
  for (const char* kind : kKinds)
    for (const auto& [T, E] : {std::array<Index, 2>{0, 1}, {0, 3}, {1, 1}, {5, 1}, {3, 3}, {6, 2}, {33, 11}, {64, 8}, {96, 96}, {128, 4}})
      for (int i = 0; i < 3; i++) {
        const Matrix a = draw(kind, T, E, random);
        const std::string name = fmt::format("{} T={} E={}", kind, T, E);
        const Auctioned way = auction(a);
        ASSERT_NO_FATAL_FAILURE(expect_shares(way.expert, T, E, name));
        ASSERT_EQ(way.expert, balanced_assignment(a)) << name;
        given_away += way.ended ? 0 : 1;
        const Experts exact = balanced_assignment_exact(a);
        ASSERT_NO_FATAL_FAILURE(expect_shares(exact, T, E, name));
        ASSERT_FALSE(sum_of(a, exact) < sum_of(a, way.expert)) << name;
      }
  EXPECT_GT(given_away, 0);  // costs that 1e8 absorbs: nothing but the limit on rounds ends that auction
}

// At most T eps `rounds` below the maximum, in the reals. Binary32 adds: of each of the three roundings of a round at most 2^-24 of the
// largest value, which is at most the range of the affinities, twice (bids rise to it), plus their size.
TEST(BalancedAssignment, AuctionIsNearTheMaximum) {
  std::mt19937 random(3);
  int ended = 0, at_once = 0;
  double worst = 0, worst_without_ties = 0;
  for (const char* kind : {"normal", "ties", "skewed", "small", "equal", "one column"})
    for (const auto& [T, E] : {std::array<Index, 2>{2, 2}, {4, 2}, {8, 4}, {9, 3}, {16, 4}, {32, 8}, {64, 2}, {64, 16}, {128, 8}})
      for (int i = 0; i < 20; i++) {
        const Matrix a = draw(kind, T, E, random);
        const Auctioned way = auction(a);
        if (!way.ended || way.rounds >= 100) continue;
        ended++;
        const double loss = real_sum(a, balanced_assignment_exact(a)) - real_sum(a, way.expert);
        const double share = double(T) * double(way.eps);
        const double size = 3 * double(a.cwiseAbs().maxCoeff()) * 2 + double(way.eps) * 200;
        const double rounding = 3 * 0x1p-24 * size * double(T) * double(way.rounds + 1);
        ASSERT_LE(loss, share * double(way.rounds) + rounding) << kind << " T=" << T << " E=" << E;
        if (way.rounds == 0) at_once++;
        worst = std::max(worst, loss / share);
        if (kind != std::string("ties")) worst_without_ties = std::max(worst_without_ties, loss / share);
      }
  EXPECT_GT(ended, 1000);
  EXPECT_GT(at_once, 0);
  EXPECT_LT(worst_without_ties, 1);  // T eps is enough where little ties,
  EXPECT_GT(worst, 1);               // and not where much does
}

// The equations of the header, transcribed with whole matrices of bids. [T]; empty if it takes more than 1000 rounds.
Experts written_out(const Matrix& a) {
  const Index T = a.rows(), E = a.cols(), m = T / E;
  const float largest = a.maxCoeff();
  const float eps = std::max(1e-4F, (largest - a.minCoeff()) / 50.0F);
  Vector cost = Vector::Zero(T);
  Matrix value = a.transpose();
  Experts winner(std::size_t(T), -1);
  for (int it = 0; it < 1000; it++) {
    Matrix bids = Matrix::Zero(E, T);
    for (Index e = 0; e < E; e++) {
      std::vector<Index> order;
      for (Index t = 0; t < T; t++) order.push_back(t);
      std::stable_sort(order.begin(), order.end(), [&](Index t, Index u) {
        if (value(e, t) != value(e, u)) return value(e, t) > value(e, u);
        return winner[std::size_t(t)] == e && winner[std::size_t(u)] != e;
      });
      for (Index i = 0; i < m; i++)
        bids(e, order[std::size_t(i)]) = (value(e, order[std::size_t(i)]) - value(e, order[std::size_t(m)])) + eps;
    }
    for (Index t = 0; t < T; t++)
      if (0 < it && it < 100 && winner[std::size_t(t)] >= 0) bids(winner[std::size_t(t)], t) = eps;
    bool all = true;
    for (Index t = 0; t < T; t++) {
      Index best = 0;
      for (Index e = 1; e < E; e++)
        if (bids(e, t) > bids(best, t)) best = e;
      winner[std::size_t(t)] = bids(best, t) > 0 ? best : -1;
      all = all && winner[std::size_t(t)] >= 0;
      cost[t] = cost[t] + bids(best, t);
    }
    if (all) return winner;
    for (Index t = 0; t < T; t++) {
      for (Index e = 0; e < E; e++) value(e, t) = a(t, e) - cost[t];
      const Index e = winner[std::size_t(t)];
      if (e >= 0) value(e, t) = it < 100 ? largest : a(t, e);
    }
  }
  return {};
}

TEST(BalancedAssignment, AuctionIsTheOneOfTheEquations) {
  std::mt19937 random(4);
  int late = 0;
  for (int i = 0; i < 300; i++)
    for (const auto& [T, E] : {std::array<Index, 2>{4, 2}, {9, 3}, {24, 6}, {8, 8}}) {
      Matrix a = draw(kKinds[std::size_t(i % 5)], T, E, random);
      if (i % 3 == 0) a *= 1024;
      if (i % 7 == 0) a.array() += 1e5F;  // costs disappear in it for many rounds
      const Auctioned way = auction(a);
      if (!way.ended) continue;
      late += way.rounds >= 100 ? 1 : 0;
      ASSERT_EQ(way.expert, written_out(a)) << "draw " << i << " T=" << T << " E=" << E;
    }
  EXPECT_GT(late, 0);  // the fast finish, too
}

// All experts bid for tokens 0 and 1; expert 0 wins both; they cost more now, so expert 1 bids for 2 and 3.
TEST(BalancedAssignment, TiesGoToTheSmallerIndex) {
  EXPECT_EQ(balanced_assignment(Matrix::Zero(4, 2)), (Experts{0, 0, 1, 1}));
  EXPECT_EQ(balanced_assignment(Matrix::Constant(6, 3, -7)), (Experts{0, 0, 1, 1, 2, 2}));
  const Experts exact = balanced_assignment_exact(Matrix::Zero(4, 2));
  ASSERT_NO_FATAL_FAILURE(expect_shares(exact, 4, 2, "exact"));
  // Expert 0 is the first to exchange. Words, since gcc 12 with AVX-512 makes 1, 1, 1, 1 of a constant vector 1, 1, 0, 0.
  EXPECT_EQ(fmt::format("{}", fmt::join(exact, " ")), "1 1 0 0");
  Matrix zeros = Matrix::Zero(4, 2);
  zeros(0, 0) = zeros(2, 1) = -0.0F;
  EXPECT_EQ(balanced_assignment(zeros), (Experts{0, 0, 1, 1}));
}

TEST(BalancedAssignment, PermutingTokensAndExpertsPermutesTheAnswer) {
  std::mt19937 random(5);
  for (int i = 0; i < 50; i++) {
    const Index T = 24, E = 4;
    const Matrix a = draw(i % 2 == 0 ? "normal" : "skewed", T, E, random);
    Experts tokens(std::size_t(T), 0), experts(std::size_t(E), 0);
    for (Index t = 0; t < T; t++) tokens[std::size_t(t)] = t;
    for (Index e = 0; e < E; e++) experts[std::size_t(e)] = e;
    std::shuffle(tokens.begin(), tokens.end(), random);
    std::shuffle(experts.begin(), experts.end(), random);
    Matrix moved(T, E);
    for (Index t = 0; t < T; t++)
      for (Index e = 0; e < E; e++) moved(tokens[std::size_t(t)], experts[std::size_t(e)]) = a(t, e);
    for (const auto& assign : {balanced_assignment, balanced_assignment_exact}) {
      const Experts before = assign(a), after = assign(moved);
      for (std::size_t t = 0; t < tokens.size(); t++)
        ASSERT_EQ(after[std::size_t(tokens[t])], experts[std::size_t(before[t])]);
    }
  }
}

TEST(BalancedAssignment, NonFiniteCountsAsTheSmallestFinite) {
  std::mt19937 random(6);
  for (const auto& assign : {balanced_assignment, balanced_assignment_exact}) {
    Matrix a = draw("normal", 12, 3, random);
    Matrix replaced = a;
    const float least = a.minCoeff();
    int i = 0;
    for (const float odd : {NAN, kInf, -kInf, -NAN}) {
      a(i, i % 3) = odd;
      replaced(i, i % 3) = least;
      i++;
    }
    replaced(11, 2) = a(11, 2) = least;
    EXPECT_EQ(assign(a), assign(replaced));
    for (const float odd : {NAN, kInf, -kInf})
      EXPECT_EQ(assign(Matrix::Constant(6, 2, odd)), assign(Matrix::Zero(6, 2)));
  }
}

TEST(BalancedAssignment, RefusesSharesThatAreNotWhole) {
  for (const auto& assign : {balanced_assignment, balanced_assignment_exact}) {
    try {
      assign(Matrix::Zero(7, 3));
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "T=7 tokens for E=3 experts, expected a multiple of E");
    }
    EXPECT_THROW(assign(Matrix::Zero(0, 0)), Error);
    EXPECT_EQ(assign(Matrix::Zero(0, 3)), Experts());
    EXPECT_EQ(assign(Matrix::Zero(3, 1)), Experts(3, 0));
  }
}

// Recorded once: another machine, compiler or library must assign the same.
TEST(BalancedAssignment, RecordedFingerprints) {
  std::uint64_t sum[2] = {};
  std::uint64_t state = 9;
  const auto step = [](std::uint64_t& x, std::uint64_t y) { x = (x ^ y) * 0x9e3779b97f4a7c15u + 1; };
  for (int i = 0; i < 40; i++) {
    Matrix a(48, 6);
    for (Index j = 0; j < a.size(); j++) {
      step(state, std::uint64_t(j));
      a.data()[j] = static_cast<float>(state >> 40) * 0x1p-24F;
      if (i % 4 == 1) a.data()[j] = static_cast<float>(state >> 62);
      if (i % 4 == 2) a.data()[j] *= static_cast<float>(j % 6);
    }
    for (const Index e : balanced_assignment(a)) step(sum[0], std::uint64_t(e));
    for (const Index e : balanced_assignment_exact(a)) step(sum[1], std::uint64_t(e));
  }
  EXPECT_EQ(sum[0], 0xd758303dd89df048u) << std::hex << sum[0];
  EXPECT_EQ(sum[1], 0x7d770be8b8d1f4c0u) << std::hex << sum[1];
}

}  // namespace
}  // namespace moe::test
