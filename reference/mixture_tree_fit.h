// Fitting a tree by expectation maximisation (EM).
//
//   E step   posteriors h of the tree as it is
//   M step   Q = sum over t and ij of h_ij (ln g_i + ln g_{j|i} + ln P_ij)
//            falls apart into one regression for each expert and each gate
//            (mixture_tree_regression.h), each of which is raised
//   sigma^2  sum over t and ij of h_ij |y - mu_ij|^2 / (O T), if learned
//
// Algorithm 1 raises Q, so the likelihood never falls. Algorithm 2 asks for
// less work: one least squares for each gate, on ln h, because where g = h
// the logits are ln h up to a constant that softmax ignores. That is not the
// maximum of Q, and the likelihood may fall.
//
// source: Jordan and Jacobs 1994, section 3, Algorithms 1 and 2.
#pragma once
#include <cstdint>

#include "reference/mixture_tree_expectation.h"

namespace moe::reference {

/// How gates are refitted.
enum class GateFit {
  newton,         ///< Algorithm 1: softmax regression on h
  least_squares,  ///< Algorithm 2: least squares on ln h, h at least 1e-12
};

/// Choices of a fit.
struct TreeFitOptions {
  GateFit gates = GateFit::newton;  ///< Algorithm 1 or 2
  int iterations = 20;         ///< E and M steps
  int newton_steps = 10;       ///< at most, for each regression
  bool learn_variance = false; ///< identity link alone
  double smallest_variance = 1e-6;  ///< a learned sigma^2 is not below
};

/// A fitted tree.
struct TreeFit {
  MixtureTree tree;  ///< its weights rounded to binary32, once, at the end
  /// sum over t of ln P(y_t|x_t) in binary64, before each iteration and after
  /// the last: iterations + 1 numbers
  std::vector<double> log_likelihood;
};

/// Fits from the weights of `start`; x [T,D], y [T,O].
///   order: binary64 throughout, experts, then the top gate, lower gates, and
///   sigma^2; see mixture_tree_regression.h.
///   Throws Error if the tree, x, y or an option makes no sense, or a
///   likelihood is not finite.
TreeFit fit(const MixtureTree& start, const ConstMatrix& x,
            const ConstMatrix& y, const TreeFitOptions& options = {});

/// The M step: raises every part of Q from the weights w, given the E step h.
///   x, y and w as of expectation().
void maximise(const Expectation& h, TreeLink link, const Matrix64& x,
              const Matrix64& y, const TreeFitOptions& options,
              TreeWeights& w);

/// Sizes of a tree.
struct TreeShape {
  Index E1 = 2;  ///< branches
  Index E2 = 2;  ///< leaves of each
  Index D = 1;   ///< numbers of a token
  Index O = 1;   ///< numbers of a target
};

/// Where a fit may begin: every weight a Gaussian number of that seed, times
/// scale. (Equal weights would stay equal for ever.)
MixtureTree random_tree(const TreeShape& shape, TreeLink link,
                        std::uint64_t seed, float scale = 1);

}  // namespace moe::reference
