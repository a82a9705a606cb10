#include "reference/combine.h"

#include <cmath>

namespace moe::reference {

Matrix combine(const Dispatch& dispatch, const Routing& routing,
               const ConstMatrix& rows, Trace* trace) {
  const Index T = dispatch.positions.rows();
  const Index K = dispatch.positions.cols();
  const Index D = rows.cols();
  const bool weighted = routing.weight_on == WeightOn::output;
  Matrix y(T, D);
  for (Index t = 0; t < T; t++) {
    for (Index d = 0; d < D; d++) {
      float sum = 0;
      for (Index k = 0; k < K; k++) {
        if (dispatch.positions(t, k) < 0) continue;  // nobody computed it
        const float weight = weighted ? routing.weights(t, k) : 1.0F;
        sum = std::fma(weight, rows(dispatch.positions(t, k), d), sum);
      }
      y(t, d) = sum;
    }
  }
  record(trace, "combined", y);
  return y;
}

}  // namespace moe::reference
