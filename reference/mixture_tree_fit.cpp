#include "reference/mixture_tree_fit.h"

#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"
#include "reference/numerics/philox.h"

namespace moe::reference {
namespace {

void validate(const TreeFitOptions& options) {
  if (options.iterations < 0 || options.newton_steps < 1)
    throw Error(fmt::format("fit: {} iterations of at most {} Newton steps, "
                            "expected 0 or more, and 1 or more",
                            options.iterations, options.newton_steps));
  const double smallest = options.smallest_variance;
  if (!(smallest > 0) || !std::isfinite(smallest))
    throw Error(fmt::format("fit: smallest_variance is {}, expected a finite "
                            "number above 0", smallest));
}

// A gate of Algorithm 1: regression on its posteriors. Of Algorithm 2: on
// their logarithms.
void fit_gate(Regression r, const Matrix64& log_posterior,
              const TreeFitOptions& options, Matrix64& v) {
  TreeLink link = TreeLink::softmax;
  if (options.gates == GateFit::least_squares) {
    link = TreeLink::identity;
    r.target = bounded_logs(log_posterior);
  }
  fit(r, link, options.newton_steps, v);
}

// The E step, and its likelihood into the list.
Expectation look(const TreeWeights& weights, TreeLink link, const Matrix64& x,
                 const Matrix64& y, TreeFit& fitted) {
  Expectation h = expectation(weights, link, x, y);
  for (Index t = 0; t < x.rows(); t++)
    if (!std::isfinite(h.log_likelihood[t]))
      throw Error(fmt::format(
          "fit: the log likelihood of token {} is {} after {} iterations, "
          "expected a finite number; are x and y of moderate size?", t,
          h.log_likelihood[t], fitted.log_likelihood.size()));
  fitted.log_likelihood.push_back(h.total);
  return h;
}

Matrix gaussian(Index rows, Index cols, float scale,
                const numerics::Stream& stream) {
  Matrix m(rows, cols);
  for (Index n = 0; n < m.size(); n++)
    m.data()[n] =
        scale * numerics::random_normal(stream, static_cast<std::uint64_t>(n));
  return m;
}

}  // namespace

void maximise(const Expectation& h, TreeLink link, const Matrix64& x,
              const Matrix64& y, const TreeFitOptions& options,
              TreeWeights& w) {
  const Index E2 = w.lower[0].rows();
  for (std::size_t e = 0; e < w.experts.size(); e++)
    fit(expert_data(h, Index(e), x, y), link, options.newton_steps,
        w.experts[e]);
  fit_gate(top_data(h, x), h.log_outer, options, w.top);
  for (std::size_t i = 0; i < w.lower.size(); i++)
    fit_gate(lower_data(h, Index(i), x),
             h.log_inner.middleCols(Index(i) * E2, E2), options, w.lower[i]);
  if (!options.learn_variance || link != TreeLink::identity) return;
  if (y.size() == 0) return;
  const double mean =
      squared_errors(w, h, x, y) / static_cast<double>(y.size());
  const double smallest = options.smallest_variance;
  w.variance = mean < smallest ? smallest : mean;
}

TreeFit fit(const MixtureTree& start, const ConstMatrix& x,
            const ConstMatrix& y, const TreeFitOptions& options) {
  reference::validate(start);
  validate_input(start, x);
  validate_targets(start, x, y);
  validate(options);
  const Matrix64 x64 = x.cast<double>();
  const Matrix64 y64 = y.cast<double>();
  TreeWeights weights = widened(start);
  TreeFit fitted;
  for (int n = 0; n < options.iterations; n++) {
    const Expectation h = look(weights, start.link, x64, y64, fitted);
    maximise(h, start.link, x64, y64, options, weights);
  }
  look(weights, start.link, x64, y64, fitted);
  fitted.tree = narrowed(weights, start.link);
  return fitted;
}

MixtureTree random_tree(const TreeShape& shape, TreeLink link,
                        std::uint64_t seed, float scale) {
  MixtureTree tree;
  tree.link = link;
  std::uint32_t part = 0;  // top, then lower gates, then experts
  const auto next = [&](Index rows) {
    return gaussian(rows, shape.D, scale, {seed, 0, part++});
  };
  tree.top = next(shape.E1);
  for (Index i = 0; i < shape.E1; i++) tree.lower.push_back(next(shape.E2));
  for (Index e = 0; e < shape.E1 * shape.E2; e++)
    tree.experts.push_back(next(shape.O));
  reference::validate(tree);
  return tree;
}

}  // namespace moe::reference
