#include "reference/mixture_tree.h"

#include <cmath>

#include "reference/linear.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

// One gate: logits z = x v^T [T,n] and their softmax, into columns from `at`.
void gate(const ConstMatrix& x, const Matrix& v, Index at, Matrix& logits,
          Matrix& scores) {
  const Matrix z = linear(x, v, {});
  for (Index t = 0; t < z.rows(); t++) {
    const std::vector<float> p = softmax({z.row(t).begin(), z.row(t).end()});
    for (Index i = 0; i < z.cols(); i++) {
      logits(t, at + i) = z(t, i);
      scores(t, at + i) = p[std::size_t(i)];
    }
  }
}

// mu = f(x U^T) [T,O]
Matrix expert(TreeLink link, const ConstMatrix& x, const Matrix& u) {
  Matrix mu = linear(x, u, {});
  for (Index t = 0; t < mu.rows(); t++) {
    if (link == TreeLink::logistic)
      for (Index o = 0; o < mu.cols(); o++)
        mu(t, o) = numerics::sigmoid(mu(t, o));
    if (link == TreeLink::softmax) {
      const auto p = softmax({mu.row(t).begin(), mu.row(t).end()});
      for (Index o = 0; o < mu.cols(); o++) mu(t, o) = p[std::size_t(o)];
    }
  }
  return mu;
}

// sum over n of weight[t, branch*N + n] part[t, (branch*N + n)*O + o]: one
// node of the tree, N children, all tokens. [T,O]
Matrix blend(const Matrix& weight, const Matrix& part, Index branch, Index N,
             Index O) {
  Matrix sum = Matrix::Zero(weight.rows(), O);
  for (Index t = 0; t < sum.rows(); t++)
    for (Index o = 0; o < O; o++)
      for (Index n = branch * N; n < branch * N + N; n++)
        sum(t, o) = std::fma(weight(t, n), part(t, n * O + o), sum(t, o));
  return sum;
}

}  // namespace

Matrix mixture_tree(const MixtureTree& tree, const ConstMatrix& x,
                    Trace* trace) {
  validate(tree);
  validate_input(tree, x);
  const Index T = x.rows();
  const Index E1 = tree.top.rows();
  const Index E2 = tree.lower[0].rows();
  const Index O = tree.experts[0].rows();

  Matrix logits(T, E1), g(T, E1);
  gate(x, tree.top, 0, logits, g);
  record(trace, "logits", logits);
  record(trace, "scores", g);
  Matrix inner_logits(T, E1 * E2), g_inner(T, E1 * E2);
  for (Index i = 0; i < E1; i++)
    gate(x, tree.lower[std::size_t(i)], i * E2, inner_logits, g_inner);
  record(trace, "inner_logits", inner_logits);
  record(trace, "inner_scores", g_inner);

  Matrix mu_ij(T, E1 * E2 * O), mu_i(T, E1 * O);
  for (Index e = 0; e < E1 * E2; e++)
    mu_ij.middleCols(e * O, O) =
        expert(tree.link, x, tree.experts[std::size_t(e)]);
  record(trace, "expert_out", mu_ij);
  for (Index i = 0; i < E1; i++)
    mu_i.middleCols(i * O, O) = blend(g_inner, mu_ij, i, E2, O);
  record(trace, "combined", mu_i);
  Matrix mu = blend(g, mu_i, 0, E1, O);
  record(trace, "output", mu);
  return mu;
}

}  // namespace moe::reference
