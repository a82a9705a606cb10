#include "reference/mixture_tree_online.h"

#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"
#include "reference/numerics/elementary.h"

namespace moe::reference {
namespace {

void validate_schedule(const OnlineTree& tree) {
  const bool share = tree.approach >= 0 && tree.approach <= 1;
  if (!(tree.forgetting > 0 && tree.forgetting <= 1) || !share ||
      tree.period < 1)
    throw Error(fmt::format("online: forgetting is {}, approach {}, period "
                            "{}; expected above 0 to 1, 0 to 1, and 1 or "
                            "more", tree.forgetting, tree.approach,
                            tree.period));
}

// One token, x [1,D] and y [1,O], with its E step h.
void learn_token(OnlineTree& tree, const Expectation& h, const Matrix64& x,
                 const Matrix64& y) {
  TreeWeights& w = tree.weights;
  const Index E1 = w.top.rows();
  const Index E2 = w.lower[0].rows();
  const double lambda = tree.forgetting;
  const Vector64 target = y.row(0).transpose();
  for (Index e = 0; e < E1 * E2; e++) {
    const double h_ij =
        numerics::exp64(h.log_outer(0, e / E2) + h.log_inner(0, e));
    recursive_step(lambda, h_ij, x, 0, target,
                   tree.expert_inverse[std::size_t(e)],
                   w.experts[std::size_t(e)]);
  }
  const Matrix64 outer = bounded_logs(h.log_outer);
  const Matrix64 inner = bounded_logs(h.log_inner);
  recursive_step(lambda, 1, x, 0, outer.row(0).transpose(), tree.top_inverse,
                 w.top);
  for (Index i = 0; i < E1; i++)
    recursive_step(lambda, numerics::exp64(h.log_outer(0, i)), x, 0,
                   inner.row(0).segment(i * E2, E2).transpose(),
                   tree.lower_inverse[std::size_t(i)],
                   w.lower[std::size_t(i)]);
  tree.seen++;
  if (tree.seen % tree.period == 0)
    tree.forgetting = std::fma(tree.approach, 1 - lambda, lambda);
}

}  // namespace

void recursive_step(double lambda, double h, const Matrix64& x, Index t,
                    const Vector64& d, Matrix64& inverse, Matrix64& w) {
  const Index D = x.cols();
  const Vector64 k = times(inverse, x, t);
  double scale = 0;  // lambda + h x.k
  for (Index a = 0; a < D; a++) scale = std::fma(x(t, a), k[a], scale);
  scale = std::fma(h, scale, lambda);
  const Vector64 eta = times(w, x, t);
  for (Index n = 0; n < w.rows(); n++) {
    const double error = h * (d[n] - eta[n]);
    for (Index a = 0; a < D; a++)
      w(n, a) = std::fma(error, k[a] / scale, w(n, a));
  }
  for (Index a = 0; a < D; a++)
    for (Index b = 0; b < D; b++)
      inverse(a, b) = std::fma(-h / scale, k[a] * k[b], inverse(a, b)) / lambda;
}

OnlineTree online(const MixtureTree& start, double prior) {
  validate(start);
  if (start.link != TreeLink::identity)
    throw Error("online: the link is not identity; recursive least squares "
                "fits means that are linear in x");
  if (!(prior > 0) || !std::isfinite(prior))
    throw Error(fmt::format("online: prior is {}, expected a finite number "
                            "above 0", prior));
  const Index D = start.top.cols();
  const Matrix64 R = Matrix64::Identity(D, D) * prior;
  OnlineTree tree;
  tree.weights = widened(start);
  tree.top_inverse = R;
  tree.lower_inverse.assign(start.lower.size(), R);
  tree.expert_inverse.assign(start.experts.size(), R);
  return tree;
}

void learn(OnlineTree& tree, const ConstMatrix& x, const ConstMatrix& y) {
  const MixtureTree shape = narrowed(tree.weights, TreeLink::identity);
  validate(shape);
  validate_input(shape, x);
  validate_targets(shape, x, y);
  validate_schedule(tree);
  for (Index t = 0; t < x.rows(); t++) {
    const Matrix64 x_t = x.row(t).cast<double>();
    const Matrix64 y_t = y.row(t).cast<double>();
    const Expectation h =
        expectation(tree.weights, TreeLink::identity, x_t, y_t);
    learn_token(tree, h, x_t, y_t);
  }
}

}  // namespace moe::reference
