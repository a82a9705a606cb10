// What makes a tree, its tokens and its targets make sense.
#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"
#include "reference/layer_checks.h"
#include "reference/mixture_tree.h"

namespace moe::reference {
namespace {

// The number of y at [t,o] is a probability.
void expect_probability(const ConstMatrix& y, Index t, Index o) {
  if (!(y(t, o) >= 0 && y(t, o) <= 1))
    throw Error(fmt::format("y holds {} at [{},{}], expected a probability "
                            "from 0 to 1", y(t, o), t, o));
}

// Row t of y sums to 1. O probabilities, each rounded to binary32, sum to 1
// within O 2^-25; binary64 adds nothing that matters to that.
void expect_distribution(const ConstMatrix& y, Index t) {
  double sum = 0;
  for (Index o = 0; o < y.cols(); o++) sum = sum + y(t, o);
  if (!(std::fabs(sum - 1) <= static_cast<double>(y.cols()) * 0x1p-24))
    throw Error(fmt::format("row {} of y sums to {}, expected 1: softmax "
                            "explains one of {} classes", t, sum, y.cols()));
}

}  // namespace

void validate(const MixtureTree& tree) {
  const Index E1 = tree.top.rows();
  const Index D = tree.top.cols();
  if (E1 < 1 || tree.lower.size() != std::size_t(E1))
    throw Error(fmt::format("mixture tree: top has {} rows and there are {} "
                            "lower gates, expected one for each row, and at "
                            "least 1", E1, tree.lower.size()));
  const Index E2 = tree.lower[0].rows();
  const Index E = E1 * E2;
  if (E2 < 1 || tree.experts.size() != std::size_t(E))
    throw Error(fmt::format("mixture tree: {} branches of {} leaves have {} "
                            "experts, expected {}, and at least 1", E1, E2,
                            tree.experts.size(), E));
  const Index O = tree.experts[0].rows();
  if (O < 1)
    throw Error("mixture tree: experts[0] has 0 rows, expected 1 output or "
                "more");
  checks::expect_finite("top", tree.top);
  for (std::size_t i = 0; i < tree.lower.size(); i++) {
    const Matrix& v = tree.lower[i];
    const std::string name = fmt::format("lower[{}]", i);
    checks::expect_shape(name, v.rows(), v.cols(), E2, D);
    checks::expect_finite(name, v);
  }
  for (std::size_t e = 0; e < tree.experts.size(); e++) {
    const Matrix& u = tree.experts[e];
    const std::string name = fmt::format("experts[{}]", e);
    checks::expect_shape(name, u.rows(), u.cols(), O, D);
    checks::expect_finite(name, u);
  }
  const bool positive = std::isfinite(tree.variance) && tree.variance > 0;
  if (tree.link == TreeLink::identity && !positive)
    throw Error(fmt::format("mixture tree: variance is {}, expected a finite "
                            "number above 0", tree.variance));
}

void validate_input(const MixtureTree& tree, const ConstMatrix& x) {
  checks::expect_shape("x", x.rows(), x.cols(), x.rows(), tree.top.cols());
  checks::expect_finite("x", Matrix(x));
}

void validate_targets(const MixtureTree& tree, const ConstMatrix& x,
                      const ConstMatrix& y) {
  checks::expect_shape("y", y.rows(), y.cols(), x.rows(),
                       tree.experts[0].rows());
  checks::expect_finite("y", Matrix(y));
  if (tree.link == TreeLink::identity) return;
  for (Index t = 0; t < y.rows(); t++) {
    for (Index o = 0; o < y.cols(); o++) expect_probability(y, t, o);
    if (tree.link == TreeLink::softmax) expect_distribution(y, t);
  }
}

}  // namespace moe::reference
