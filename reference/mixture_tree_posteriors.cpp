// The tree looks back: who explains the target.
#include <cmath>

#include "reference/linear.h"
#include "reference/losses.h"
#include "reference/mixture_tree.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

// z_i - lse(z): the log of softmax, without its underflow.
std::vector<float> log_softmax(std::vector<float> z) {
  const float lse = log_sum_exp(z);
  for (float& z_i : z) z_i = z_i - lse;
  return z;
}

// ln of the Gaussian N(eta, variance I) at y, O numbers:
//   -|y - eta|^2 / (2 variance) - (O/2) ln(2 pi variance)
float log_gaussian(const float* y, const float* eta, Index O,
                   float variance) {
  const float two_pi = 0x1.921fb6p+2F;
  float squares = 0;
  for (Index o = 0; o < O; o++)
    squares = std::fma(y[o] - eta[o], y[o] - eta[o], squares);
  const float log_scale = numerics::log(two_pi * variance);
  return -squares / (2 * variance) - static_cast<float>(O) / 2 * log_scale;
}

// ln of Bernoulli numbers: sum over o of y ln mu + (1 - y) ln(1 - mu), where
// ln mu = -softplus(-eta) and ln(1 - mu) = -softplus(eta).
float log_bernoulli(const float* y, const float* eta, Index O) {
  float sum = 0;
  for (Index o = 0; o < O; o++) {
    sum = std::fma(-y[o], numerics::softplus(-eta[o]), sum);
    sum = std::fma(y[o] - 1, numerics::softplus(eta[o]), sum);
  }
  return sum;
}

// ln of one of O classes: sum over o of y ln mu.
float log_classes(const float* y, const float* eta, Index O) {
  const std::vector<float> log_mu = log_softmax({eta, eta + O});
  return inner_product(y, log_mu.data(), O, 0);
}

// ln P_ij(y)
float log_density(const MixtureTree& tree, const float* y, const float* eta,
                  Index O) {
  if (tree.link == TreeLink::logistic) return log_bernoulli(y, eta, O);
  if (tree.link == TreeLink::softmax) return log_classes(y, eta, O);
  return log_gaussian(y, eta, O, tree.variance);
}

// Posteriors of one token. log_g: ln g_i [E1]; b [E1][E2]: see the header.
void explain(const std::vector<float>& log_g,
             const std::vector<std::vector<float>>& b, Index t,
             TreePosteriors& h) {
  std::vector<float> a(log_g);  // ln g_i + s_i
  for (std::size_t i = 0; i < a.size(); i++) a[i] += log_sum_exp(b[i]);
  const std::vector<float> outer = softmax(a);
  h.log_likelihood[t] = log_sum_exp(a);
  Index e = 0;
  for (std::size_t i = 0; i < a.size(); i++) {
    h.outer(t, Index(i)) = outer[i];
    for (const float inner : softmax(b[i])) {
      h.inner(t, e) = inner;
      h.joint(t, e) = outer[i] * inner;
      e++;
    }
  }
}

}  // namespace

TreePosteriors posteriors(const MixtureTree& tree, const ConstMatrix& x,
                          const ConstMatrix& y) {
  validate(tree);
  validate_input(tree, x);
  validate_targets(tree, x, y);
  const Index T = x.rows();
  const Index E1 = tree.top.rows();
  const Index E2 = tree.lower[0].rows();
  const Index E = E1 * E2;
  TreePosteriors h{Matrix(T, E1), Matrix(T, E), Matrix(T, E), Vector(T)};
  for (Index t = 0; t < T; t++) {
    const auto times = [&](const Matrix& w) {  // w x_t
      const Matrix z = linear(x.row(t), w, {});
      return std::vector<float>(z.data(), z.data() + z.size());
    };
    std::vector<std::vector<float>> b;
    for (Index i = 0; i < E1; i++) {
      b.push_back(log_softmax(times(tree.lower[std::size_t(i)])));
      for (Index j = 0; j < E2; j++) {
        const auto eta = times(tree.experts[std::size_t(i * E2 + j)]);
        b.back()[std::size_t(j)] += log_density(
            tree, y.data() + t * y.outerStride(), eta.data(), y.cols());
      }
    }
    explain(log_softmax(times(tree.top)), b, t, h);
  }
  return h;
}

}  // namespace moe::reference
