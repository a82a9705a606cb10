// Random trees with tokens and targets that some tree of the kind could have made.
#pragma once
#include <cmath>

#include "reference/mixture_tree_fit.h"
#include "reference/numerics/philox.h"

namespace moe::test {

/// A tree of 2 x 3 experts, D = 3 (the last column of x is 1), O = 2, T = 12 unless asked otherwise.
struct Problem {
  reference::MixtureTree tree;
  Matrix x;
  Matrix y;
};

inline Problem random_problem(reference::TreeLink link, std::uint64_t seed, reference::TreeShape shape = {2, 3, 3, 2},
                              Index T = 12) {
  Problem p{reference::random_tree(shape, link, seed), Matrix(T, shape.D), Matrix(T, shape.O)};
  const numerics::Stream stream{.seed = seed, .purpose = 1, .step = 0};
  std::uint64_t next = 0;
  for (Index t = 0; t < T; t++) {
    for (Index d = 0; d < shape.D; d++) p.x(t, d) = numerics::random_normal(stream, next++);
    p.x(t, shape.D - 1) = 1;
    for (Index o = 0; o < shape.O; o++) {
      const float gaussian = numerics::random_normal(stream, next++);
      p.y(t, o) = link == reference::TreeLink::identity ? std::fabs(p.x(t, 0)) + 0.3F * gaussian : (gaussian > 0 ? 1.0F : 0.0F);
    }
    if (link != reference::TreeLink::softmax) continue;
    const auto answer = static_cast<Index>(numerics::random_word(stream, next++) % std::uint32_t(shape.O));
    for (Index o = 0; o < shape.O; o++) p.y(t, o) = o == answer ? 1 : 0;
  }
  return p;
}

/// sum over d of |w_kd x_td|
inline double magnitude(const Matrix64& w, Index k, const Matrix64& x, Index t) {
  double sum = 0;
  for (Index d = 0; d < w.cols(); d++) sum += std::fabs(w(k, d) * x(t, d));
  return sum;
}

}  // namespace moe::test
