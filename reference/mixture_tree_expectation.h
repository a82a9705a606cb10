// The E step: a tree and its posteriors in binary64, for fitting.
//
// The same equations as posteriors() of mixture_tree.h. There every sum is
// the contract's binary32 chain; here binary64, see mixture_tree_regression.h.
#pragma once
#include "reference/mixture_tree_regression.h"

namespace moe::reference {

/// The weights of a MixtureTree, or a gradient with respect to them.
struct TreeWeights {
  Matrix64 top;                   ///< [E1,D]
  std::vector<Matrix64> lower;    ///< E1 of [E2,D]
  std::vector<Matrix64> experts;  ///< E1*E2 of [O,D]
  double variance = 1;            ///< sigma^2
};

/// Exactly these weights.
TreeWeights widened(const MixtureTree& tree);
/// Each number rounded to binary32, once.
MixtureTree narrowed(const TreeWeights& weights, TreeLink link);

/// What each branch and leaf explains.
struct Expectation {
  Matrix64 log_outer;       ///< ln h_i [T,E1]
  Matrix64 log_inner;       ///< ln h_{j|i} [T,E]
  Vector64 log_likelihood;  ///< ln P(y_t|x_t) [T]
  double total = 0;         ///< their sum, t ascending
};

/// b_ij = ln g_{j|i} + ln P_ij(y), s_i = lse over j of b_ij,
/// ln P(y|x) = lse over i of ln g_i + s_i,
/// ln h_{j|i} = b_ij - s_i, ln h_i = ln g_i + s_i - ln P(y|x).
///   x [T,D], y [T,O]. A posterior below e^-708 may count as e^-708.
Expectation expectation(const TreeWeights& weights, TreeLink link,
                        const Matrix64& x, const Matrix64& y);

/// The M step's regression of expert e = i*E2 + j: target y, weight h_ij.
Regression expert_data(const Expectation& h, Index e, const Matrix64& x,
                       const Matrix64& y);
/// That of the top gate: target h_i, weight 1.
Regression top_data(const Expectation& h, const Matrix64& x);
/// That of lower gate i: target h_{j|i}, weight h_i.
Regression lower_data(const Expectation& h, Index i, const Matrix64& x);

/// ln h as a target of least squares: none below ln 1e-12, or a posterior of
/// 0 would outweigh all others.
Matrix64 bounded_logs(const Matrix64& log_h);

/// The gradient of the log likelihood: slopes of these regressions, those of
/// the experts divided by sigma^2 with the identity link.
///   dl/dU_ij = sum over t of h_ij (y - mu_ij) x^T / sigma^2
///   dl/dv_i  = sum over t of (h_i - g_i) x
///   dl/dv_ij = sum over t of h_i (h_{j|i} - g_{j|i}) x
///   variance: with respect to sigma^2, identity link; otherwise 0.
TreeWeights gradient(const TreeWeights& weights, TreeLink link,
                     const Matrix64& x, const Matrix64& y);

/// sum over t and e of h_ij |y - mu_ij|^2: t, then e, ascending.
double squared_errors(const TreeWeights& weights, const Expectation& h,
                      const Matrix64& x, const Matrix64& y);

}  // namespace moe::reference
