#include "reference/mixture_tree_expectation.h"

#include <cmath>

#include "reference/numerics/elementary.h"

namespace moe::reference {
namespace {

Vector64 log_softmax(Vector64 z) {
  const double lse = log_sum_exp(z);
  for (double& z_i : z) z_i = z_i - lse;
  return z;
}

// ln P_ij(y_t): with the identity link the kernel divided by sigma^2, and the
// constant of the Gaussian, -(O/2) ln(2 pi sigma^2).
double log_density(const TreeWeights& weights, TreeLink link,
                   const Matrix64& u, const Matrix64& x, const Matrix64& y,
                   Index t) {
  const Vector64 d = y.row(t).transpose();
  const double kernel = log_kernel(link, times(u, x, t), d);
  if (link != TreeLink::identity) return kernel;
  const double two_pi = 0x1.921fb54442d18p+2;
  const double half_O = static_cast<double>(y.cols()) / 2;
  return kernel / weights.variance - half_O * log64(two_pi * weights.variance);
}

}  // namespace

TreeWeights widened(const MixtureTree& tree) {
  TreeWeights weights{tree.top.cast<double>(), {}, {}, tree.variance};
  for (const Matrix& v : tree.lower)
    weights.lower.emplace_back(v.cast<double>());
  for (const Matrix& u : tree.experts)
    weights.experts.emplace_back(u.cast<double>());
  return weights;
}

MixtureTree narrowed(const TreeWeights& weights, TreeLink link) {
  MixtureTree tree{weights.top.cast<float>(), {}, {}, link,
                   static_cast<float>(weights.variance)};
  for (const Matrix64& v : weights.lower)
    tree.lower.emplace_back(v.cast<float>());
  for (const Matrix64& u : weights.experts)
    tree.experts.emplace_back(u.cast<float>());
  return tree;
}

Expectation expectation(const TreeWeights& weights, TreeLink link,
                        const Matrix64& x, const Matrix64& y) {
  const Index T = x.rows();
  const Index E1 = weights.top.rows();
  const Index E2 = weights.lower[0].rows();
  Expectation h{Matrix64(T, E1), Matrix64(T, E1 * E2), Vector64(T), 0};
  for (Index t = 0; t < T; t++) {
    Vector64 a = log_softmax(times(weights.top, x, t));  // becomes + s_i
    for (Index i = 0; i < E1; i++) {
      Vector64 b = log_softmax(times(weights.lower[std::size_t(i)], x, t));
      for (Index j = 0; j < E2; j++) {
        const Matrix64& u = weights.experts[std::size_t(i * E2 + j)];
        b[j] = b[j] + log_density(weights, link, u, x, y, t);
      }
      const double s = log_sum_exp(b);
      for (Index j = 0; j < E2; j++) h.log_inner(t, i * E2 + j) = b[j] - s;
      a[i] = a[i] + s;
    }
    h.log_likelihood[t] = log_sum_exp(a);
    for (Index i = 0; i < E1; i++)
      h.log_outer(t, i) = a[i] - h.log_likelihood[t];
    h.total = h.total + h.log_likelihood[t];
  }
  return h;
}

Regression expert_data(const Expectation& h, Index e, const Matrix64& x,
                       const Matrix64& y) {
  const Index E2 = h.log_inner.cols() / h.log_outer.cols();
  Regression r{&x, y, Vector64(x.rows())};
  for (Index t = 0; t < x.rows(); t++)
    r.weight[t] =
        numerics::exp64(h.log_outer(t, e / E2) + h.log_inner(t, e));
  return r;
}

Regression top_data(const Expectation& h, const Matrix64& x) {
  Regression r{&x, h.log_outer, Vector64::Ones(x.rows())};
  for (Index n = 0; n < r.target.size(); n++)
    r.target.data()[n] = numerics::exp64(r.target.data()[n]);
  return r;
}

Regression lower_data(const Expectation& h, Index i, const Matrix64& x) {
  const Index E2 = h.log_inner.cols() / h.log_outer.cols();
  Regression r{&x, h.log_inner.middleCols(i * E2, E2), Vector64(x.rows())};
  for (Index n = 0; n < r.target.size(); n++)
    r.target.data()[n] = numerics::exp64(r.target.data()[n]);
  for (Index t = 0; t < x.rows(); t++)
    r.weight[t] = numerics::exp64(h.log_outer(t, i));
  return r;
}

Matrix64 bounded_logs(const Matrix64& log_h) {
  const double lowest = -27.631021115928547;  // ln 1e-12
  Matrix64 bounded(log_h);
  for (Index n = 0; n < bounded.size(); n++)
    if (bounded.data()[n] < lowest) bounded.data()[n] = lowest;
  return bounded;
}

}  // namespace moe::reference
