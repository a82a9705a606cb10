#include "reference/mixture_tree_regression.h"

#include <cmath>

namespace moe::reference {
namespace {

// J_km = dmu_k / deta_m
double link_slope(TreeLink link, const Vector64& mu, Index k, Index m) {
  if (link == TreeLink::softmax) return mu[k] * ((k == m ? 1 : 0) - mu[m]);
  if (k != m) return 0;
  return link == TreeLink::logistic ? mu[k] * (1 - mu[k]) : 1;
}

// -d2Q/dW2 [n,n] for the first K rows of W, n = K D; element (k*D + a,
// m*D + b). Lower triangle; chains of fma over t, ascending.
Matrix64 curvature(const Regression& r, TreeLink link, const Matrix64& w,
                   Index K) {
  const Matrix64& x = *r.x;
  const Index D = w.cols();
  Matrix64 h = Matrix64::Zero(K * D, K * D);
  for (Index t = 0; t < x.rows(); t++) {
    const Vector64 mu = link_mean(link, times(w, x, t));
    for (Index k = 0; k < K; k++)
      for (Index m = 0; m <= k; m++) {
        const double c = r.weight[t] * link_slope(link, mu, k, m);
        for (Index a = 0; a < D; a++)
          for (Index b = 0; b < D; b++)
            h(k * D + a, m * D + b) =
                std::fma(c * x(t, a), x(t, b), h(k * D + a, m * D + b));
      }
  }
  return h;
}

// Adds 1e-8 trace/n to the diagonal.
void add_ridge(Matrix64& h) {
  double trace = 0;
  for (Index k = 0; k < h.rows(); k++) trace = trace + h(k, k);
  const double ridge = 1e-8 * trace / static_cast<double>(h.rows());
  for (Index k = 0; k < h.rows(); k++) h(k, k) = h(k, k) + ridge;
}

// How much of the step may be taken at first: all of it with the identity
// link, whose Q is a parabola; else no eta may move by more than 8, for where
// a gate is all but closed the curvature says nothing about what lies beyond.
double first_length(const Regression& r, TreeLink link,
                    const Matrix64& step) {
  if (link == TreeLink::identity) return 1;
  double largest = 0;
  for (Index t = 0; t < r.x->rows(); t++)
    for (const double moved : times(step, *r.x, t))
      if (std::fabs(moved) > largest) largest = std::fabs(moved);
  return largest > 8 ? 8 / largest : 1;
}

// Moves w by that length of `step`, or half of it, or a quarter ..., whichever
// first makes Q rise; q is its Q. False, and w stays, if none does.
bool rise(const Regression& r, TreeLink link, const Matrix64& step,
          Matrix64& w, double& q) {
  double length = first_length(r, link, step);
  for (int halvings = 0; halvings <= 20; halvings++) {
    Matrix64 tried(w);
    for (Index i = 0; i < w.size(); i++)
      tried.data()[i] = std::fma(length, step.data()[i], w.data()[i]);
    const double q_tried = quality(r, link, tried);
    if (q_tried > q) {
      w = tried;
      q = q_tried;
      return true;
    }
    length = length / 2;
  }
  return false;
}

}  // namespace

double quality(const Regression& r, TreeLink link, const Matrix64& w) {
  double q = 0;
  for (Index t = 0; t < r.x->rows(); t++) {
    const Vector64 d = r.target.row(t).transpose();
    q = std::fma(r.weight[t], log_kernel(link, times(w, *r.x, t), d), q);
  }
  return q;
}

Matrix64 slope(const Regression& r, TreeLink link, const Matrix64& w) {
  const Matrix64& x = *r.x;
  Matrix64 g = Matrix64::Zero(w.rows(), w.cols());
  for (Index t = 0; t < x.rows(); t++) {
    const Vector64 mu = link_mean(link, times(w, x, t));
    for (Index k = 0; k < w.rows(); k++) {
      const double error = r.weight[t] * (r.target(t, k) - mu[k]);
      for (Index d = 0; d < w.cols(); d++)
        g(k, d) = std::fma(error, x(t, d), g(k, d));
    }
  }
  return g;
}

void fit(const Regression& r, TreeLink link, int steps, Matrix64& w) {
  const Index K = link == TreeLink::softmax ? w.rows() - 1 : w.rows();
  const Index n = K * w.cols();
  if (n == 0) return;
  double q = quality(r, link, w);
  for (int s = 0; s < steps; s++) {
    Matrix64 h = curvature(r, link, w, K);
    add_ridge(h);
    if (!cholesky(h)) return;  // nothing has weight
    const Matrix64 g = slope(r, link, w);
    Vector64 solved(n);
    for (Index i = 0; i < n; i++) solved[i] = g.data()[i];
    cholesky_solve(h, solved);
    Matrix64 step = Matrix64::Zero(w.rows(), w.cols());
    double promise = 0;  // twice what the step gains if Q is a parabola
    for (Index i = 0; i < n; i++) {
      step.data()[i] = solved[i];
      promise = std::fma(g.data()[i], solved[i], promise);
    }
    if (!(promise > 0x1p-52 * std::fabs(q))) return;
    if (!rise(r, link, step, w, q)) return;
  }
}

}  // namespace moe::reference
