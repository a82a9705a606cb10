#include "reference/losses_diversity.h"

#include <cmath>
#include <string>

#include "reference/error.h"
#include "reference/linear.h"

namespace moe::reference {

float output_orthogonality(const ConstMatrix& expert_out,
                           const IntMatrix& selected, float epsilon) {
  const Index K = selected.cols();
  const Index D = expert_out.cols();
  if (expert_out.rows() != selected.size())
    throw Error("losses: orthogonality: expected " +
                std::to_string(selected.size()) + " outputs, found " +
                std::to_string(expert_out.rows()));
  const Matrix o = expert_out;
  float sum = 0;
  for (Index t = 0; t < selected.rows(); t++) {
    for (Index j = 0; j < K; j++) {
      for (Index k = 0; k < K; k++) {
        if (j == k || selected(t, j) < 0 || selected(t, k) < 0) continue;
        const float* o_j = o.data() + (t * K + j) * D;
        const float* o_k = o.data() + (t * K + k) * D;
        const float c = inner_product(o_j, o_k, D, 0) /
                        (inner_product(o_k, o_k, D, 0) + epsilon);
        float squares = 0;
        for (Index d = 0; d < D; d++) {
          const float projected = c * o_k[d];
          squares = std::fma(projected, projected, squares);
        }
        sum = sum + squares;
      }
    }
  }
  return sum;
}

float score_variance(const ConstMatrix& scores) {
  const Index T = scores.rows();
  if (T == 0) return 0;
  float loss = 0;
  for (Index e = 0; e < scores.cols(); e++) {
    float sum = 0;
    for (Index t = 0; t < T; t++) sum = sum + scores(t, e);
    const float mean = sum / static_cast<float>(T);
    float squares = 0;
    for (Index t = 0; t < T; t++) {
      const float difference = scores(t, e) - mean;
      squares = std::fma(difference, difference, squares);
    }
    loss = loss - squares / static_cast<float>(T);
  }
  return loss;
}

float weight_orthogonality(const std::vector<Matrix>& A) {
  for (const Matrix& A_i : A)
    if (A_i.rows() != A[0].rows() || A_i.cols() != A[0].cols())
      throw Error("losses: orthogonality: expected weights [" +
                  std::to_string(A[0].rows()) + "," +
                  std::to_string(A[0].cols()) + "], found [" +
                  std::to_string(A_i.rows()) + "," +
                  std::to_string(A_i.cols()) + "]");
  float sum = 0;
  for (std::size_t i = 0; i < A.size(); i++) {
    for (std::size_t j = i + 1; j < A.size(); j++) {
      const Matrix columns_i = A[i].transpose();
      const Matrix columns_j = A[j].transpose();
      const Matrix products = linear(columns_i, columns_j, Vector());
      for (Index r = 0; r < products.rows(); r++)
        for (Index c = 0; c < products.cols(); c++)
          sum = std::fma(products(r, c), products(r, c), sum);
    }
  }
  return sum;
}

}  // namespace moe::reference
