// Noisy top-K gating: importance, and a load that has a gradient.
//
// source: Shazeer et al. 2017 (1701.06538) appendices A, B, F;
// Tensor2Tensor expert_utils; V-MoE routing.
#include <cmath>
#include <limits>
#include <string>

#include "reference/error.h"
#include "reference/losses.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {

namespace {

std::string shape(const ConstMatrix& m) {
  return "[" + std::to_string(m.rows()) + "," + std::to_string(m.cols()) + "]";
}

void expect_same_shape(const char* what, const ConstMatrix& a,
                       const ConstMatrix& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols())
    throw Error("losses: " + std::string(what) + ": expected " + shape(a) +
                ", found " + shape(b));
}

// Experts of a group: inner has E1*E2 columns, outer E1.
Index inner_experts(const ConstMatrix& outer, const ConstMatrix& inner) {
  if (outer.rows() != inner.rows() || outer.cols() < 1 ||
      inner.cols() % outer.cols() != 0)
    throw Error("losses: two levels: outer is " + shape(outer) +
                ", inner is " + shape(inner));
  return inner.cols() / outer.cols();
}

}  // namespace

Matrix gates(const IntMatrix& selected, const Matrix& weights, Index E) {
  if (weights.rows() != selected.rows() || weights.cols() != selected.cols())
    throw Error("losses: weights " + shape(weights) + " of selected [" +
                std::to_string(selected.rows()) + "," +
                std::to_string(selected.cols()) + "]");
  counts(selected, E);  // refuses experts that do not exist
  Matrix G = Matrix::Zero(selected.rows(), E);
  for (Index t = 0; t < selected.rows(); t++)
    for (Index k = 0; k < selected.cols(); k++)
      if (selected(t, k) >= 0) G(t, selected(t, k)) = weights(t, k);
  return G;
}

Matrix noise_std(const ConstMatrix& raw, float floor) {
  Matrix std(raw.rows(), raw.cols());
  for (Index t = 0; t < raw.rows(); t++)
    for (Index e = 0; e < raw.cols(); e++)
      std(t, e) = numerics::softplus(raw(t, e)) + floor;
  return std;
}

Matrix thresholds(const ConstMatrix& noisy, Index K, Threshold threshold) {
  const Index E = noisy.cols();
  if (K < 1 || K > E)
    throw Error("losses: thresholds: expected K of 1 .. " +
                std::to_string(E) + ", found " + std::to_string(K));
  const bool alone = threshold == Threshold::leave_one_out;
  Matrix all(noisy.rows(), E);
  for (Index t = 0; t < noisy.rows(); t++) {
    const std::vector<float> row(noisy.row(t).begin(), noisy.row(t).end());
    const std::vector<Index> best = top_k(row, E);
    for (Index rank = 0; rank < E; rank++) {
      // Without an expert of the K best, the K-th best is the next one.
      const Index kth = alone && rank < K ? K : K - 1;
      const Index rival = kth < E ? best[static_cast<std::size_t>(kth)] : -1;
      all(t, best[static_cast<std::size_t>(rank)]) =
          rival < 0 ? -std::numeric_limits<float>::infinity()
                    : noisy(t, rival);
    }
  }
  return all;
}

Matrix chance_of_choice(const ConstMatrix& z, const ConstMatrix& threshold,
                        const ConstMatrix& std) {
  expect_same_shape("thresholds of logits", z, threshold);
  expect_same_shape("deviations of logits", z, std);
  const float sqrt2 = 0x1.6a09e6p+0F;
  Matrix P(z.rows(), z.cols());
  for (Index t = 0; t < z.rows(); t++) {
    for (Index e = 0; e < z.cols(); e++) {
      if (!(std(t, e) > 0))
        throw Error("losses: deviation of token " + std::to_string(t) +
                    ", expert " + std::to_string(e) +
                    ": expected a positive number, found " +
                    std::to_string(std(t, e)));
      const float u = (z(t, e) - threshold(t, e)) / std(t, e);
      P(t, e) = 0.5F * (1.0F + numerics::erf(u / sqrt2));
    }
  }
  return P;
}

Vector hierarchical_importance(const ConstMatrix& outer,
                               const ConstMatrix& inner) {
  const Index E2 = inner_experts(outer, inner);
  Vector importance(inner.cols());
  for (Index ij = 0; ij < inner.cols(); ij++) {
    float sum = 0;
    for (Index t = 0; t < inner.rows(); t++)
      sum = std::fma(outer(t, ij / E2), inner(t, ij), sum);
    importance[ij] = sum;
  }
  return importance;
}

Vector hierarchical_load(const Vector& outer_load, const ConstMatrix& outer,
                         const ConstMatrix& inner_chance) {
  const Index E2 = inner_experts(outer, inner_chance);
  if (outer_load.size() != outer.cols())
    throw Error("losses: outer load: expected " +
                std::to_string(outer.cols()) + " groups, found " +
                std::to_string(outer_load.size()));
  Vector load = Vector::Zero(inner_chance.cols());
  for (Index ij = 0; ij < inner_chance.cols(); ij++) {
    const Index i = ij / E2;
    Index visitors = 0;  // |X_i|
    float sum = 0;       // Load_i of X_i
    for (Index t = 0; t < outer.rows(); t++) {
      if (!(outer(t, i) > 0)) continue;
      visitors++;
      sum = sum + inner_chance(t, ij);
    }
    if (visitors > 0)
      load[ij] = outer_load[i] * sum / static_cast<float>(visitors);
  }
  return load;
}

float batchwise_loss(const ConstMatrix& g, const Vector& threshold, Index K) {
  const Index T = g.rows();
  const Index E = g.cols();
  if (E < 1 || threshold.size() != E || K < 1 || K > E)
    throw Error("losses: batchwise: scores " + shape(g) + ", thresholds of " +
                std::to_string(threshold.size()) + " experts, K=" +
                std::to_string(K));
  Matrix in_batch = Matrix::Zero(T, E);
  for (Index e = 0; e < E; e++) {
    const std::vector<float> column(g.col(e).begin(), g.col(e).end());
    for (const Index t : top_k(column, K * T / E)) in_batch(t, e) = 1;
  }
  float sum = 0;
  for (Index t = 0; t < T; t++) {
    for (Index e = 0; e < E; e++) {
      const float above = g(t, e) > threshold[e] ? 1.0F : 0.0F;
      const float excess = g(t, e) - threshold[e];
      sum = std::fma(above - in_batch(t, e), excess, sum);
    }
  }
  return sum;
}

}  // namespace moe::reference
