// Experts choose tokens, and no token is taken by more than b of them.
//
//   held[t,e] in {0, 1}, each expert holds at most C tokens, each token is
//   held by at most b experts: of all such held, those that hold the most
//   pairs, min(E C, T b); of these, one with the largest
//   sum over t, e of s[t,e] held[t,e].
//
// The sum is that of the real numbers: it is compared exactly. NaN counts as
// -1, less than any score. Of several best the one found below is the answer:
// every expert takes its C best tokens (ties: the earlier token); then, as
// long as a token has too many experts, the best exchange is made, in which
// t0 gives up e1, who takes t1; t1 gives up e2, who takes t2; and so on to tn:
// from a token t0 with more than b experts to a token tn with fewer: best is
// what changes the sum by the most upwards, or the least downwards. This is
// the successive shortest path algorithm of minimum-cost flow, begun from the
// best choice without a cap. If E C > T b, E C - T b slots are to stay empty:
// they are held by a token `nobody`, last in order, value -1, which an expert
// may hold many times.
//
// source: Zhou et al. 2022 (2202.09368) section 3.3 states the cap and relaxes
// held to fractions, which must be rounded; this is the integral optimum. The
// algorithm: Ahuja, Magnanti, Orlin, Network Flows, section 9.7.
#pragma once
#include "reference/types.h"

namespace moe {

/// The tokens each expert holds, best first; -1 where a slot stays empty.
///   s [T,E] scores; C <= T tokens per expert; b >= 1 experts per token;
///   returns [E,C].
///   cost: one exchange for every expert too many on a token; each looks at
///   all T*E scores once or a few times.
///   Throws Error unless 0 <= C <= T and b >= 1, or if s holds an infinity.
IntMatrix capped_choice(const ConstMatrix& s, Index C, Index b);

}  // namespace moe
