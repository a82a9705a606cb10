// The gradient of the log likelihood: what gradient ascent climbs, and what
// is 0 where EM stops.
#include <cmath>

#include "reference/mixture_tree_expectation.h"

namespace moe::reference {

double squared_errors(const TreeWeights& weights, const Expectation& h,
                      const Matrix64& x, const Matrix64& y) {
  double sum = 0;
  for (std::size_t e = 0; e < weights.experts.size(); e++) {
    const Regression r = expert_data(h, static_cast<Index>(e), x, y);
    sum = sum - 2 * quality(r, TreeLink::identity, weights.experts[e]);
  }
  return sum;
}

TreeWeights gradient(const TreeWeights& weights, TreeLink link,
                     const Matrix64& x, const Matrix64& y) {
  const Expectation h = expectation(weights, link, x, y);
  TreeWeights g;
  g.top = slope(top_data(h, x), TreeLink::softmax, weights.top);
  for (std::size_t i = 0; i < weights.lower.size(); i++) {
    const Regression r = lower_data(h, static_cast<Index>(i), x);
    g.lower.push_back(slope(r, TreeLink::softmax, weights.lower[i]));
  }
  for (std::size_t e = 0; e < weights.experts.size(); e++) {
    const Regression r = expert_data(h, static_cast<Index>(e), x, y);
    g.experts.push_back(slope(r, link, weights.experts[e]));
  }
  g.variance = 0;
  if (link != TreeLink::identity) return g;
  const double v = weights.variance;
  for (Matrix64& u : g.experts) u = u / v;
  const auto numbers = static_cast<double>(y.size());
  g.variance =
      (squared_errors(weights, h, x, y) / v - numbers) / (2 * v);
  return g;
}

}  // namespace moe::reference
