// The tree and its fit against the same equations written again in binary64.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/mixture_trees.h"
#include "tests/support/oracle_values.h"

namespace moe::test {
namespace {

using namespace moe::reference;

std::vector<double> softmax64(const std::vector<double>& z) {
  double sum = 0;
  std::vector<double> p;
  for (const double z_i : z) sum += std::exp(z_i);
  p.reserve(z.size());
  for (const double z_i : z) p.push_back(std::exp(z_i) / sum);
  return p;
}

double dot(const Matrix& w, Index row, const Matrix& x, Index t) {
  double sum = 0;
  for (Index d = 0; d < w.cols(); d++) sum += double{w(row, d)} * double{x(t, d)};
  return sum;
}

std::vector<double> logits64(const Matrix& w, const Matrix& x, Index t) {
  std::vector<double> z;
  for (Index i = 0; i < w.rows(); i++) z.push_back(dot(w, i, x, t));
  return z;
}

// mu_ij of one token and expert, and ln P_ij(y).
struct Leaf {
  std::vector<double> mu;
  double log_p;
};

Leaf leaf(const MixtureTree& tree, const Matrix& expert, const Problem& p, Index t) {
  Leaf l{logits64(expert, p.x, t), 0};
  if (tree.link == TreeLink::softmax) l.mu = softmax64(l.mu);
  const double two_pi = 2 * std::acos(-1.0);
  for (std::size_t o = 0; o < l.mu.size(); o++) {
    const double y = double{p.y(t, Index(o))};
    if (tree.link == TreeLink::identity) {
      l.log_p -= (y - l.mu[o]) * (y - l.mu[o]) / (2 * double{tree.variance}) + std::log(two_pi * double{tree.variance}) / 2;
    } else if (tree.link == TreeLink::logistic) {
      l.mu[o] = 1 / (1 + std::exp(-l.mu[o]));
      l.log_p += y * std::log(l.mu[o]) + (1 - y) * std::log1p(-l.mu[o]);
    } else {
      l.log_p += y * std::log(l.mu[o]);
    }
  }
  return l;
}

// |v||x| of every gate and expert, which bounds what rounding does to their sums.
double reach(const MixtureTree& tree, const Matrix& x, Index t) {
  double most = 0;
  const auto look = [&](const Matrix& w) {
    for (Index k = 0; k < w.rows(); k++) most = std::max(most, magnitude(w.cast<double>(), k, x.cast<double>(), t));
  };
  look(tree.top);
  for (const Matrix& v : tree.lower) look(v);
  for (const Matrix& w : tree.experts) look(w);
  return most;
}

// One token: mu, h_ij and ln P(y|x). delta bounds what rounding does to any ln g_i + ln g_{j|i} + ln P_ij(y): at most 4 (D + E1 + E2 +
// O + 8) roundings of their terms' sizes, which are |v||x| of two gates (lse takes part: twice), and of every output (|y| + |U||x|)^2
// and a constant. A posterior is then off by 2 delta of itself, ln P by delta, and mu by delta and D + 2 roundings of |U||x| or 1.
double compare_token(const MixtureTree& tree, const Problem& p, const Matrix& mu, const TreePosteriors& h, Index t, Values& values) {
  const Index E1 = tree.top.rows(), E2 = tree.lower[0].rows(), O = p.y.cols();
  const double size = reach(tree, p.x, t), y = double{p.y.row(t).cwiseAbs().maxCoeff()};
  const double delta = 4 * u * double(p.x.cols() + E1 + E2 + O + 8) * (1 + 4 * size + double(O) * (3 + (y + size) * (y + size)));
  EXPECT_LE(delta, 0.01) << "too loose to fail";
  const std::vector<double> g = softmax64(logits64(tree.top, p.x, t));
  std::vector<double> mean(std::size_t(O), 0), joint;
  double likelihood = 0;
  for (Index i = 0; i < E1; i++) {
    const std::vector<double> inner = softmax64(logits64(tree.lower[std::size_t(i)], p.x, t));
    for (Index j = 0; j < E2; j++) {
      const Leaf l = leaf(tree, tree.experts[std::size_t(i * E2 + j)], p, t);
      const double prior = g[std::size_t(i)] * inner[std::size_t(j)];
      for (std::size_t o = 0; o < l.mu.size(); o++) mean[o] += prior * l.mu[o];
      joint.push_back(prior * std::exp(l.log_p));
      likelihood += joint.back();
    }
  }
  for (Index o = 0; o < O; o++) values.within(mu(t, o), mean[std::size_t(o)], delta * (1 + size));
  for (Index e = 0; e < E1 * E2; e++) values.near(h.joint(t, e), joint[std::size_t(e)] / likelihood, Index(std::ceil(2.2 * delta / u)));
  values.within(h.log_likelihood[t], std::log(likelihood), delta);
  return std::log(likelihood);
}

// A fit in binary64 says the likelihood of where it starts, which the oracle's is to a few units of binary64's last place, and never
// says less than before.
TEST(MixtureTreeOracle, MeansPosteriorsAndFits) {
  Values values;
  for (const TreeLink link : {TreeLink::identity, TreeLink::logistic, TreeLink::softmax})
    for (std::uint64_t seed = 0; seed < 20; seed++) {
      SCOPED_TRACE(seed);
      const Problem p = random_problem(link, seed);
      const Matrix mu = mixture_tree(p.tree, p.x);
      const TreePosteriors h = posteriors(p.tree, p.x, p.y);
      double total = 0;
      for (Index t = 0; t < p.x.rows(); t++) total += compare_token(p.tree, p, mu, h, t, values);
      const TreeFit found = fit(p.tree, p.x, p.y, {.iterations = 4});
      values.within(found.log_likelihood[0], total, 1e-12 * (1 + std::fabs(total)));
      for (std::size_t n = 1; n < found.log_likelihood.size(); n++)
        values.same(found.log_likelihood[n] >= found.log_likelihood[n - 1] - 1e-9, true);
    }
  values.expect_recorded("mixture_tree");
}

}  // namespace
}  // namespace moe::test
