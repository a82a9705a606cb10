// One expert for every token, and exactly T/E tokens for every expert.
//
//   maximise  sum over t of a[t, expert of t]   with T/E tokens per expert
//
// Two ways. `balanced_assignment` is the auction that BASE layers are trained
// with (Lewis et al. 2021, 2103.16716; fairseq, balanced_assignment.cpp): near
// the maximum, and fast. `balanced_assignment_exact` is a maximum of the real
// numbers, found by minimum-cost flow: the measure of the auction, and too
// slow for training. A layer calls the auction: it is the published layer, and
// it takes some rounds over the T*E affinities, where the exact search looks
// at all of them for every token that has to move.
//
// Experts bid for tokens, m = T/E each; binary32, as written:
//
//   eps = max(1e-4, (max a - min a) / 50);  cost[t] = 0;  value[e,t] = a[t,e]
//   round it = 0, 1, ...
//     best[e] = the m tokens of largest value[e,.], next[e] = the one after
//     bid[e,t] = (value[e,t] - value[e,next[e]]) + eps   for t in best[e]
//     bid[e,t] = eps   if e won t in the round before and 0 < it < 100
//     winner[t] = the e that bids the most; if every token has one: the end
//     cost[t] = cost[t] + the winning bid;  value[e,t] = a[t,e] - cost[t]
//     value[winner[t],t] = max a   if it < 100, else a[winner[t],t]
//
// E m = T bids are placed, so when every token has one it has exactly one.
// Equal values: a token the expert won in the round before comes first (so
// that it keeps what it holds), then the smaller token. Equal bids: the smaller
// expert. The code of fairseq leaves both to its library.
//
// It ends: after 1000 rounds, or at a bid that is not finite, the winners of
// the last round keep their tokens, and the others, ascending, go to the
// expert of largest affinity that has room (equal: the smaller).
//
// How near: an auction that ends in round it < 100 is at most T eps it below
// the maximum, in the real numbers. For next[e]'s value never rises; a token
// won is worth at least that, less eps, to its expert after its bid, and less
// eps more for every round it was kept; so in the end it is worth more than
// next[e]'s, less it eps, and next[e] is the best that e could exchange it for.
// Where few affinities tie, the loss is below T eps; where many do, keeping
// tokens costs, and it can be several times that.
//
// Before all that: NaN and infinities become the smallest finite affinity (0
// if there is none); if any affinity is beyond 2^96, the auction multiplies all
// by 2^-32, so that costs do not overflow.
#pragma once
#include <vector>

#include "reference/types.h"

namespace moe {

/// expert of each token [T]: exactly T/E tokens per expert; affinity [T,E].
///   The auction. All tiers call this one function: rounds follow one another,
///   and each is a handful of comparisons for an affinity.
///   Throws Error if E does not divide T.
std::vector<Index> balanced_assignment(const ConstMatrix& affinity);

/// An auction, and how it went.
struct Auctioned {
  std::vector<Index> expert;  ///< of each token [T]
  Index rounds = 0;    ///< the round that ended it, `it` above
  bool ended = true;   ///< by every token having a bid; if not, given away
  float eps = 0;       ///< smallest bid
};

/// The auction of balanced_assignment.
Auctioned auction(const ConstMatrix& affinity);

/// The same with the largest sum there is. Of several, the one that
/// capped_choice finds with C = T/E, b = 1.
std::vector<Index> balanced_assignment_exact(const ConstMatrix& affinity);

}  // namespace moe
