// The three links in binary64: means, and logarithms of densities.
#include <cmath>
#include <limits>

#include "reference/mixture_tree_regression.h"
#include "reference/numerics/elementary.h"

namespace moe::reference {
namespace {

// log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
double softplus(double z) {
  return (z > 0 ? z : 0) + log64(1 + numerics::exp64(-std::fabs(z)));
}

}  // namespace

double log64(double x) {
  const numerics::LogParts parts = numerics::log_parts(x);
  return numerics::log_sum(0, parts.k, parts.m - 1);
}

double log_sum_exp(const Vector64& z) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double z_i : z)
    if (z_i > largest) largest = z_i;
  double sum = 0;
  for (const double z_i : z) sum = sum + numerics::exp64(z_i - largest);
  return largest + log64(sum);
}

Vector64 times(const Matrix64& w, const Matrix64& x, Index t) {
  Vector64 z = Vector64::Zero(w.rows());
  for (Index k = 0; k < w.rows(); k++)
    for (Index d = 0; d < w.cols(); d++)
      z[k] = std::fma(w(k, d), x(t, d), z[k]);
  return z;
}

Vector64 link_mean(TreeLink link, const Vector64& eta) {
  Vector64 mu(eta);
  const double lse = link == TreeLink::softmax ? log_sum_exp(eta) : 0;
  for (double& mu_k : mu) {
    if (link == TreeLink::logistic) mu_k = 1 / (1 + numerics::exp64(-mu_k));
    if (link == TreeLink::softmax) mu_k = numerics::exp64(mu_k - lse);
  }
  return mu;
}

double log_kernel(TreeLink link, const Vector64& eta, const Vector64& d) {
  const double lse = link == TreeLink::softmax ? log_sum_exp(eta) : 0;
  double sum = 0;
  for (Index k = 0; k < eta.size(); k++) {
    const double error = d[k] - eta[k];
    if (link == TreeLink::identity) sum = std::fma(-error / 2, error, sum);
    if (link == TreeLink::softmax) sum = std::fma(d[k], eta[k] - lse, sum);
    if (link == TreeLink::logistic) {
      sum = std::fma(-d[k], softplus(-eta[k]), sum);
      sum = std::fma(d[k] - 1, softplus(eta[k]), sum);
    }
  }
  return sum;
}

}  // namespace moe::reference
