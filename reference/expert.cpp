#include "reference/expert.h"

#include "reference/activation.h"
#include "reference/linear.h"

namespace moe::reference {

Matrix hidden_values(const Activation& activation, const Ffn& ffn,
                     const ConstMatrix& x) {
  Matrix hidden = linear(x, ffn.up, ffn.up_bias);  // [R,F]
  if (!activation.gated) {
    for (Index r = 0; r < hidden.rows(); r++)
      for (Index f = 0; f < hidden.cols(); f++)
        hidden(r, f) = nonlinearity(activation, hidden(r, f));
    return hidden;
  }
  const Matrix gate = linear(x, ffn.gate, ffn.gate_bias);  // [R,F]
  for (Index r = 0; r < hidden.rows(); r++)
    for (Index f = 0; f < hidden.cols(); f++)
      hidden(r, f) = gated_activation(activation, gate(r, f), hidden(r, f));
  return hidden;
}

Matrix run_experts(const Experts& experts, const Dispatch& dispatch,
                   const ConstMatrix& rows, Trace* trace) {
  const auto networks = experts.ffn.size();
  const Index F = experts.ffn[0].up.rows();
  Matrix hidden = Matrix::Zero(rows.rows(), F);
  Matrix out = rows;  // what identities return
  for (std::size_t e = 0; e < networks; e++) {
    const Ffn& ffn = experts.ffn[e];
    const Index first = dispatch.offsets[e];
    const Index count = dispatch.offsets[e + 1] - first;
    if (count == 0) continue;  // nobody chose this expert
    const ConstMatrix own = rows.middleRows(first, count);
    const Matrix h = hidden_values(experts.activation, ffn, own);
    hidden.middleRows(first, count) = h;
    out.middleRows(first, count) = linear(h, ffn.down, ffn.down_bias);
  }
  record(trace, "hidden", hidden);
  record(trace, "expert_out", out);
  return out;
}

}  // namespace moe::reference
