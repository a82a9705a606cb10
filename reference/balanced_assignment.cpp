#include "reference/balanced_assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reference/capped_choice.h"
#include "reference/error.h"
#include "reference/numerics/top_k_key.h"

namespace moe {
namespace {

constexpr Index kExactRounds = 100;  // after them, the fast finish
constexpr Index kMostRounds = 1000;
constexpr Index kNobody = -1;

void expect_shares(const ConstMatrix& affinity) {
  const Index T = affinity.rows();
  const Index E = affinity.cols();
  if (E < 1 || T % E != 0)
    throw Error(fmt::format("T={} tokens for E={} experts, expected a multiple "
                            "of E", T, E));
}

// [T,E] with the smallest finite number in place of what is none.
Matrix finite(const ConstMatrix& affinity) {
  Matrix a = affinity;
  bool any = false;
  float least = 0;
  for (Index i = 0; i < a.size(); i++) {
    const float x = a.data()[i];
    if (std::isfinite(x) && (!any || x < least)) {
      least = x;
      any = true;
    }
  }
  for (Index i = 0; i < a.size(); i++)
    if (!std::isfinite(a.data()[i])) a.data()[i] = least;
  return a;
}

// The same, with none so large that costs overflow.
Matrix tame(const ConstMatrix& affinity) {
  Matrix a = finite(affinity);
  bool large = false;
  for (Index i = 0; i < a.size(); i++)
    large = large || std::fabs(a.data()[i]) > 0x1p96F;
  for (Index i = 0; large && i < a.size(); i++)
    a.data()[i] = a.data()[i] * 0x1p-32F;
  return a;
}

struct Auction {
  Matrix a;      // [T,E]
  Matrix value;  // [E,T]
  float largest, eps;
  std::vector<float> cost, bid;  // [T] so far; the winning one of a round
  std::vector<Index> winner;     // [T] of the last round, or kNobody
};

Auction begin(const ConstMatrix& affinity) {
  Auction x{tame(affinity), {}, 0, 0, {}, {}, {}};
  x.value = x.a.transpose();
  x.largest = x.a.maxCoeff();
  x.eps = std::max(1e-4F, (x.largest - x.a.minCoeff()) / 50.0F);
  const auto T = static_cast<std::size_t>(x.a.rows());
  x.cost.resize(T, 0.0F);
  x.winner.resize(T, kNobody);
  return x;
}

// Orders an expert's tokens: value, then whether it holds it, then index.
std::uint64_t key_of(float value, bool holds, Index t) {
  const auto later = static_cast<std::uint32_t>(t);
  return numerics::top_k_key(value, later | (holds ? 0 : 0x80000000u));
}

// One round of bids; false if one of them is not finite.
bool place_bids(Auction& x, Index round) {
  const Index T = x.a.rows();
  const Index m = T / x.a.cols();
  const std::vector<Index> before = x.winner;
  x.winner.assign(std::size_t(T), kNobody);
  x.bid.assign(std::size_t(T), 0.0F);
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(T));
  for (Index e = 0; e < x.value.rows(); e++) {
    for (Index t = 0; t < T; t++)
      keys[std::size_t(t)] =
          key_of(x.value(e, t), before[std::size_t(t)] == e, t);
    std::nth_element(keys.begin(), keys.begin() + m, keys.end(),
                     std::greater<>());
    const auto token = [&](Index i) {
      return Index{numerics::top_k_index(keys[std::size_t(i)]) & 0x7fffffffu};
    };
    const float next = x.value(e, token(m));
    for (Index i = 0; i < m; i++) {
      const Index t = token(i);
      const bool kept = before[std::size_t(t)] == e && round < kExactRounds;
      const float bid = kept ? x.eps : (x.value(e, t) - next) + x.eps;
      if (!std::isfinite(bid)) {
        x.winner = before;
        return false;
      }
      if (!(bid > x.bid[std::size_t(t)])) continue;  // the smaller e was there
      x.bid[std::size_t(t)] = bid;
      x.winner[std::size_t(t)] = e;
    }
  }
  return true;
}

// What is popular becomes more expensive.
void raise_costs(Auction& x, Index round) {
  for (Index t = 0; t < x.a.rows(); t++) {
    const auto i = std::size_t(t);
    x.cost[i] = x.cost[i] + x.bid[i];
    for (Index e = 0; e < x.a.cols(); e++)
      x.value(e, t) = x.a(t, e) - x.cost[i];
    if (x.winner[i] != kNobody)
      x.value(x.winner[i], t) =
          round < kExactRounds ? x.largest : x.a(t, x.winner[i]);
  }
}

// Tokens that have no expert, ascending, to the best that has room.
void give_away(Auction& x) {
  std::vector<Index> room(std::size_t(x.a.cols()), x.a.rows() / x.a.cols());
  for (const Index e : x.winner)
    if (e != kNobody) room[std::size_t(e)]--;
  for (Index t = 0; t < x.a.rows(); t++) {
    Index& winner = x.winner[std::size_t(t)];
    if (winner != kNobody) continue;
    for (Index e = 0; e < x.a.cols(); e++) {
      if (room[std::size_t(e)] == 0) continue;
      if (winner == kNobody || x.a(t, e) > x.a(t, winner)) winner = e;
    }
    room[std::size_t(winner)]--;
  }
}

}  // namespace

Auctioned auction(const ConstMatrix& affinity) {
  expect_shares(affinity);
  const Index T = affinity.rows();
  if (affinity.cols() == 1 || T == 0)
    return {.expert = std::vector<Index>(std::size_t(T), 0)};
  Auction x = begin(affinity);
  for (Index round = 0; round < kMostRounds; round++) {
    if (!place_bids(x, round)) break;
    if (std::find(x.winner.begin(), x.winner.end(), kNobody) == x.winner.end())
      return {x.winner, round, true, x.eps};
    raise_costs(x, round);
  }
  give_away(x);
  return {x.winner, kMostRounds, false, x.eps};
}

std::vector<Index> balanced_assignment(const ConstMatrix& affinity) {
  return auction(affinity).expert;
}

std::vector<Index> balanced_assignment_exact(const ConstMatrix& affinity) {
  expect_shares(affinity);
  const Index T = affinity.rows();
  const Index E = affinity.cols();
  const IntMatrix lists = capped_choice(finite(affinity), T / E, 1);  // [E,T/E]
  std::vector<Index> expert(std::size_t(T), kNobody);
  for (Index e = 0; e < E; e++)
    for (Index c = 0; c < T / E; c++) expert[std::size_t(lists(e, c))] = e;
  return expert;
}

}  // namespace moe
