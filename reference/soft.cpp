#include "reference/soft.h"

#include "reference/dispatch.h"
#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

// The softmax of every row.
Matrix softmax_rows(const Matrix& z) {
  Matrix p(z.rows(), z.cols());
  for (Index r = 0; r < z.rows(); r++) {
    const float* row = z.data() + r * z.cols();
    const std::vector<float> one =
        softmax(std::vector<float>(row, row + z.cols()));
    for (Index c = 0; c < z.cols(); c++) p(r, c) = one[std::size_t(c)];
  }
  return p;
}

// Rows of the slots: expert e has S of each group, group by group.
struct SlotRows {
  Index E, S, groups;
  Index row(Index g, Index p) const {
    return (p / S * groups + g) * S + p % S;
  }
  Dispatch dispatch() const {
    Dispatch d;
    for (Index e = 0; e <= E; e++) d.offsets.push_back(e * S * groups);
    return d;
  }
};

// The tokens' outputs [T,D], mixed from the slots' outputs by weights [T,P].
//   order: per element one chain over the P slots, from +0.
Matrix mix_slots(const SlotRows& slots, const Matrix& weights,
                 const Matrix& outputs) {
  const Index P = weights.cols();
  const Index m = slots.groups == 0 ? 0 : weights.rows() / slots.groups;
  Matrix y(weights.rows(), outputs.cols());
  for (Index g = 0; g < slots.groups; g++) {
    Matrix own(outputs.cols(), P);
    for (Index p = 0; p < P; p++)
      own.col(p) = outputs.row(slots.row(g, p)).transpose();
    const Matrix group_weights = weights.middleRows(g * m, m);
    y.middleRows(g * m, m) = linear(group_weights, own, Vector());
  }
  return y;
}

}  // namespace

Matrix soft(const SoftLayer& layer, const ConstMatrix& x, Trace* trace) {
  validate(layer);
  validate_input(layer, x);
  const Index T = x.rows();
  const Index D = x.cols();
  const Index P = layer.phi.rows();
  const Index m = layer.group == 0 ? T : layer.group;
  const Index groups = T == 0 ? 0 : T / m;
  const SlotRows slots{P / layer.slots, layer.slots, groups};

  const Matrix tokens = normalised_tokens(layer, x);
  const Matrix logits = linear(tokens, normalised_slots(layer), Vector());
  record(trace, "logits", logits);
  const bool mixes_normalised = layer.normalisation == SoftNormalisation::rms;
  const ConstMatrix mixed = mixes_normalised ? ConstMatrix(tokens) : x;

  Matrix dispatch_weights(T, P);
  Matrix rows(groups * P, D);
  for (Index g = 0; g < groups; g++) {
    const Matrix own = logits.middleRows(g * m, m).transpose();  // [P,m]
    const Matrix share = softmax_rows(own);
    dispatch_weights.middleRows(g * m, m) = share.transpose();
    const Matrix group = mixed.middleRows(g * m, m).transpose();  // [D,m]
    const Matrix slot = linear(share, group, Vector());           // [P,D]
    for (Index p = 0; p < P; p++) rows.row(slots.row(g, p)) = slot.row(p);
  }
  const Matrix combine_weights = softmax_rows(logits);
  record(trace, "scores", dispatch_weights);
  record(trace, "weights", combine_weights);
  record(trace, "dispatched", rows);

  const Matrix outputs =
      run_experts(layer.experts, slots.dispatch(), rows, trace);
  Matrix y = mix_slots(slots, combine_weights, outputs);
  record(trace, "output", y);
  return y;
}

}  // namespace moe::reference
