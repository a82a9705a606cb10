#include "reference/shared.h"

#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/numerics/elementary.h"

namespace moe::reference {

Matrix run_shared(const Shared& shared, const ConstMatrix& x, Trace* trace) {
  const Matrix hidden = hidden_values(shared.activation, shared.ffn, x);
  Matrix y = linear(hidden, shared.ffn.down, shared.ffn.down_bias);  // [T,D]
  if (shared.gate.size() != 0) {
    const Matrix z = linear(x, shared.gate, Vector());  // [T,1]
    for (Index t = 0; t < y.rows(); t++) {
      const float open = numerics::sigmoid(z(t, 0));
      for (Index d = 0; d < y.cols(); d++) y(t, d) = open * y(t, d);
    }
  }
  record(trace, "shared", y);
  return y;
}

}  // namespace moe::reference
