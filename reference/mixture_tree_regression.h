// What every M step of the tree is: one weighted regression under a link.
//
//   eta_t = W x_t [K]     mu_t = f(eta_t)     weights c_t, targets d_t
//   Q(W)  = sum over t of c_t ln P(d_t)                        (to maximise)
//   dQ/dW = sum over t of c_t (d_t - mu_t) x_t^T        [K,D]  any link
//   -d2Q/dw_k dw_m = sum over t of c_t J_km x_t x_t^T   [D,D]
//     J = dmu/deta: identity: 1 on the diagonal; logistic: mu_k (1 - mu_k)
//     there; softmax: mu_k (delta_km - mu_m)
//
// An expert is a regression on y with weights h_ij. A gate is one on the
// posteriors under softmax (Algorithm 1), or on their logarithms under
// identity (Algorithm 2). The links are canonical, so Newton's method is
// Fisher scoring is iteratively reweighted least squares.
//
// All of it is binary64, in a fixed order, with exponentials and logarithms
// made of reference/numerics: the same bits on every machine. Not binary32: a
// likelihood that must never fall would fall by rounding, and normal
// equations square the condition of x.
//
// source: Jordan and Jacobs 1994, section 3 and appendix A.
#pragma once
#include <vector>

#include "reference/cholesky.h"
#include "reference/mixture_tree.h"

namespace moe::reference {

/// The data of one regression.
struct Regression {
  const Matrix64* x = nullptr;  ///< [T,D]
  Matrix64 target;              ///< d [T,K]
  Vector64 weight;              ///< c [T], none below 0
};

/// ln x for a normal number x > 0, within 1.1 2^-52 of itself.
double log64(double x);

/// log of the sum of e^z_i, the sum in ascending order; z not empty.
double log_sum_exp(const Vector64& z);

/// sum over d of w[k,d] x[t,d], for all k: [K]; chains of fma from +0.
Vector64 times(const Matrix64& w, const Matrix64& x, Index t);

/// mu = f(eta).
Vector64 link_mean(TreeLink link, const Vector64& eta);

/// ln P(d) [K], without what does not depend on eta:
///   identity: -|d - eta|^2 / 2
///   logistic: sum over k of -d softplus(-eta) - (1 - d) softplus(eta)
///   softmax:  sum over k of d_k (eta_k - lse(eta))
double log_kernel(TreeLink link, const Vector64& eta, const Vector64& d);

/// Q(W): one chain of fma over t, ascending.
double quality(const Regression& r, TreeLink link, const Matrix64& w);

/// dQ/dW [K,D]: chains of fma over t, ascending.
Matrix64 slope(const Regression& r, TreeLink link, const Matrix64& w);

/// Newton's method from W, at most that many steps: each is the one of least
/// squares with the Hessian above plus a ridge of 1e-8 trace/n on its
/// diagonal, halved until Q rises (20 times at most). Stops where the slope
/// promises less than rounding would show, or nothing rises. Q never falls.
///   n = K D; with softmax (K-1) D: the last row of W stays, for adding one
///   vector to all rows changes nothing.
///   The ridge is on the step and not on W: it decides between solutions that
///   are equally good, and does not move the best one.
///   Where no weight is above 0, W stays.
void fit(const Regression& r, TreeLink link, int steps, Matrix64& w);

}  // namespace moe::reference
