// A tree of gates with linear experts at its leaves: the hierarchical mixture
// of experts. Two levels, branches i = 0..E1-1, leaves j = 0..E2-1 in each,
// expert e = i*E2 + j. Experts return O numbers.
//
//   xi_i  = v_i . x          g_i     = softmax over i of xi_i        [T,E1]
//   xi_ij = v_ij . x         g_{j|i} = softmax over j of xi_ij       [T,E]
//   mu_ij = f(U_ij x)                f: identity, logistic, softmax  [T,E*O]
//   mu_i  = sum over j of g_{j|i} mu_ij                              [T,E1*O]
//   mu    = sum over i of g_i mu_i                                   [T,O]
//   P(y|x) = sum over i of g_i sum over j of g_{j|i} P_ij(y)
//
// Nothing is chosen: every expert runs. A bias is a column of x that is 1.
//
// source: Jordan and Jacobs 1994, Neural Computation 6, section 2 (model) and
// 3 (posteriors). Fitting: mixture_tree_fit.h, mixture_tree_online.h.
#pragma once
#include <vector>

#include "reference/trace.h"
#include "reference/types.h"

namespace moe::reference {

/// What an expert makes of eta = U x, and the density that goes with it.
enum class TreeLink {
  identity,  ///< mu = eta; Gaussian of covariance variance * I
  logistic,  ///< mu = 1 / (1 + e^-eta); O independent Bernoulli numbers
  softmax,   ///< mu = softmax(eta); one of O classes
};

/// The weights.
struct MixtureTree {
  Matrix top;                   ///< v_i [E1,D]
  std::vector<Matrix> lower;    ///< E1 of v_ij [E2,D]
  std::vector<Matrix> experts;  ///< E1*E2 of U_ij [O,D]
  TreeLink link = TreeLink::identity;  ///< f
  float variance = 1;  ///< sigma^2 of the Gaussian; others ignore it
};

/// The mean mu [T,O] for x [T,D]. Records logits xi_i and scores g_i [T,E1],
/// inner_logits xi_ij and inner_scores g_{j|i} [T,E], expert_out mu_ij
/// [T,E*O], combined mu_i [T,E1*O], output mu [T,O].
///   order: chains of fma from +0: d for logits and eta, then j, then i, each
///   ascending; softmax as the router's.
///   Throws Error if the tree or x makes no sense.
Matrix mixture_tree(const MixtureTree& tree, const ConstMatrix& x,
                    Trace* trace = nullptr);

/// How much each branch and leaf explains of the target.
struct TreePosteriors {
  Matrix outer;           ///< h_i [T,E1]
  Matrix inner;           ///< h_{j|i} [T,E]
  Matrix joint;           ///< h_ij = h_i h_{j|i} [T,E]
  Vector log_likelihood;  ///< ln P(y_t|x_t) [T]
};

/// Posteriors of targets y [T,O] (logistic: in [0,1]; softmax: rows that are
/// probabilities, usually one 1), in the log domain:
///   b_ij = ln g_{j|i} + ln P_ij(y)     s_i = lse over j of b_ij
///   h_{j|i} = softmax over j of b_ij   h_i = softmax over i of ln g_i + s_i
///   ln P(y|x) = lse over i of ln g_i + s_i
///   order: as above; ln P_ij as in mixture_tree_posteriors.cpp.
///   Throws Error if the tree, x or y makes no sense.
TreePosteriors posteriors(const MixtureTree& tree, const ConstMatrix& x,
                          const ConstMatrix& y);

/// Throws Error naming the weights that do not fit together, with what was
/// expected and what was found, or the first number that is not finite.
void validate(const MixtureTree& tree);

/// Throws Error unless x is [T,D], and finite.
void validate_input(const MixtureTree& tree, const ConstMatrix& x);

/// Throws Error unless y is [T,O], and such as the link can explain.
void validate_targets(const MixtureTree& tree, const ConstMatrix& x,
                      const ConstMatrix& y);

}  // namespace moe::reference
