#include "reference/shared.h"

#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

// y[t] = share y[t], where share is the one of that number [T,D].
void scale(const Shared& shared, const ConstMatrix& x, std::size_t number,
           Matrix& y) {
  const Matrix z = linear(x, shared.gate, shared.gate_bias);  // [T,1] or [T,2]
  for (Index t = 0; t < y.rows(); t++) {
    const float* row = z.data() + t * z.cols();
    const std::vector<float> both =
        shares(shared.join, std::vector<float>(row, row + z.cols()));
    for (Index d = 0; d < y.cols(); d++) y(t, d) = both[number] * y(t, d);
  }
}

}  // namespace

std::vector<float> shares(SharedJoin join, const std::vector<float>& z) {
  if (join == SharedJoin::weighed) return softmax(z);
  const float open = numerics::sigmoid(z[0]);
  return {join == SharedJoin::blended ? 1 - open : 1, open};
}

void make_room(const Shared& shared, const ConstMatrix& x, Matrix& y) {
  if (shared.join != SharedJoin::added) scale(shared, x, 0, y);
}

Matrix run_shared(const Shared& shared, const ConstMatrix& x, Trace* trace) {
  const Matrix hidden = hidden_values(shared.activation, shared.ffn, x);
  Matrix y = linear(hidden, shared.ffn.down, shared.ffn.down_bias);  // [T,D]
  if (shared.gate.size() != 0) scale(shared, x, 1, y);
  record(trace, "shared", y);
  return y;
}

}  // namespace moe::reference
