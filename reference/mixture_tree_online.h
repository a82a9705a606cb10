// Fitting a tree one token at a time: recursive least squares that forgets.
//
// An expert minimises the squared errors of past tokens s with weights
// lambda^(t-s) h_s. Let R^-1 be the sum of x_s x_s^T with these weights. Then
// a new token does
//
//   R^-1 <- lambda R^-1 + h x x^T
//   k    = R x
//   R    <- (R - h k k^T / (lambda + h x.k)) / lambda
//   U    <- U + h (y - U x) k^T / (lambda + h x.k)
//
// The third line is the first one inverted (Sherman and Morrison), written so
// that h = 0 divides by nothing; k / (lambda + h x.k) is the new R x.
//
// Gates do the same, as in Algorithm 2: the top gate with targets ln h_i for
// xi_i and weight 1, lower gate i with targets ln h_{j|i} for xi_ij and weight
// h_i. All rows of a gate share one R: their weights are the same.
//
// lambda starts at 0.99 and every 1000 tokens goes 0.6 of the remaining way to
// 1; so what never has weight sees its R grow by e^17 in all, and not without
// bound.
//
// source: Jordan and Jacobs 1994, section 4.
#pragma once
#include "reference/mixture_tree_expectation.h"

namespace moe::reference {

/// A tree that learns; identity link.
struct OnlineTree {
  TreeWeights weights;                    ///< as they are now
  Matrix64 top_inverse;                   ///< R of the top gate [D,D]
  std::vector<Matrix64> lower_inverse;    ///< E1 of [D,D]
  std::vector<Matrix64> expert_inverse;   ///< E1*E2 of [D,D]
  double forgetting = 0.99;               ///< lambda, in (0, 1]
  double approach = 0.6;  ///< share of the way to 1 that lambda then goes
  Index period = 1000;    ///< after so many tokens
  Index seen = 0;         ///< tokens so far
};

/// A tree before its first token: every R is `prior` times the identity. The
/// larger, the less the weights of `start` count.
///   Throws Error if the tree makes no sense, its link is not identity, or
///   prior is not above 0.
OnlineTree online(const MixtureTree& start, double prior = 1);

/// Learns from the tokens x [T,D] with targets y [T,O], one after the other.
/// Cutting them into several calls changes no bit.
///   order: per token the E step, experts, top gate, lower gates; products in
///   chains of fma, ascending, from +0; all in binary64.
///   Throws Error if x, y or the forgetting makes no sense.
void learn(OnlineTree& tree, const ConstMatrix& x, const ConstMatrix& y);

/// One step for rows `w` [K,D] with their R: the lines above.
///   x row t of [T,D]; d [K] the target; h the token's weight.
void recursive_step(double lambda, double h, const Matrix64& x, Index t,
                    const Vector64& d, Matrix64& inverse, Matrix64& w);

}  // namespace moe::reference
