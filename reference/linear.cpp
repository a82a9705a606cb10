#include "reference/linear.h"

#include <cmath>

#include "reference/error.h"

namespace moe::reference {

float inner_product(const float* a, const float* b, Index size, float start) {
  float sum = start;
  for (Index d = 0; d < size; d++) sum = std::fma(a[d], b[d], sum);
  return sum;
}

Matrix linear(const ConstMatrix& x, const ConstMatrix& w, const Vector& bias) {
  const Index T = x.rows();
  const Index D = x.cols();
  const Index F = w.rows();
  if (w.cols() != D || (bias.size() != 0 && bias.size() != F))
    throw Error("linear: x has " + std::to_string(D) + " columns, w is [" +
                std::to_string(F) + "," + std::to_string(w.cols()) +
                "], bias has " + std::to_string(bias.size()));
  Matrix y(T, F);
  for (Index t = 0; t < T; t++) {
    for (Index f = 0; f < F; f++) {
      const float start = bias.size() == 0 ? 0.0F : bias[f];
      const float* token = x.data() + t * x.outerStride();
      const float* row = w.data() + f * w.outerStride();
      y(t, f) = inner_product(token, row, D, start);
    }
  }
  return y;
}

}  // namespace moe::reference
