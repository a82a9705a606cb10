#include "cpu/soft.h"

#include "cpu/available.h"
#include "cpu/buffer.h"
#include "cpu/parallel.h"
#include "cpu/router.h"

namespace moe::cpu {
namespace {

// How a batch is cut into groups, and where the slots' rows lie: expert e has its S of each group,
// group by group.
struct Groups {
  Index count, tokens;  ///< groups there are, tokens of each
  Index E, S;

  Index row(Index g, Index p) const { return (p / S * count + g) * S + p % S; }
  Dispatch dispatch() const {
    Dispatch d;
    for (Index e = 0; e <= E; e++) d.offsets.push_back(e * S * count);
    return d;
  }
  // Runs body(g, threads) for every group: side by side where there are enough of them to keep all
  // threads busy, else one after the other, each by all threads.
  void for_each(int threads, const std::function<void(Index, int)>& body) const {
    const bool side_by_side = count >= threads;
    parallel_for(side_by_side ? threads : 1, count,
                 [&](Index g, int) { body(g, side_by_side ? 1 : threads); });
  }
};

// The slots' inputs [groups*P,D], mixed from the tokens x by the softmax over tokens of their
// logits [T,P], which is also written to `shares` [T,P] unless it is nullptr.
Matrix mix_tokens(const Groups& groups, const Matrix& logits, const ConstMatrix& x, Matrix* shares,
                  int threads) {
  const Index m = groups.tokens;
  const Index P = logits.cols();
  Matrix rows = new_matrix(groups.count * P, x.cols());
  groups.for_each(threads, [&](Index g, int own_threads) {
    const Matrix own = logits.middleRows(g * m, m).transpose();         // [P,m]
    const Matrix share = all_scores(Score::softmax, own, own_threads);  // [P,m]
    if (shares != nullptr) shares->middleRows(g * m, m) = share.transpose();
    const Matrix slots = product(share, x.middleRows(g * m, m), own_threads);  // [P,D]
    for (Index p = 0; p < P; p++) rows.row(groups.row(g, p)) = slots.row(p);
  });
  return rows;
}

// The tokens' outputs [T,D], mixed from the slots' outputs [groups*P,D] by `weights` [T,P].
Matrix mix_slots(const Groups& groups, const Matrix& weights, const Matrix& outputs, int threads) {
  const Index m = groups.tokens;
  const Index P = weights.cols();
  Matrix y = new_matrix(weights.rows(), outputs.cols());
  groups.for_each(threads, [&](Index g, int own_threads) {
    Matrix slots(P, outputs.cols());
    for (Index p = 0; p < P; p++) slots.row(p) = outputs.row(groups.row(g, p));
    y.middleRows(g * m, m) = product(weights.middleRows(g * m, m), slots, own_threads);
  });
  return y;
}

}  // namespace

PreparedSoft prepare(const SoftLayer& layer, WeightFormat format) {
  require_available();
  validate(layer);
  return {.outline = Outline<SoftLayer>({.phi = layer.phi,
                                         .slots = layer.slots,
                                         .group = layer.group,
                                         .normalisation = layer.normalisation,
                                         .scale = layer.scale,
                                         .token_gamma = layer.token_gamma,
                                         .slot_gamma = layer.slot_gamma,
                                         .experts = without_weights(layer.experts),
                                         .nonfinite = layer.nonfinite}),
          .slots = prepare(normalised_slots(layer), Vector()),
          .experts = prepare(layer.experts, format)};
}

SoftLayer unpack(const PreparedSoft& prepared) {
  SoftLayer layer = prepared.outline.layer();
  layer.experts = unpack(prepared.experts);
  return layer;
}

Matrix soft(const PreparedSoft& prepared, const ConstMatrix& x, Trace* trace, int threads) {
  prepared.outline.check_input(x);
  const SoftLayer& layer = *prepared.outline;
  const Index T = x.rows();
  const Index m = layer.group == 0 ? T : layer.group;
  const Groups groups{T == 0 ? 0 : T / m, m, layer.phi.rows() / layer.slots, layer.slots};
  threads = thread_count(threads, prepared.experts, groups.count * layer.phi.rows());

  const bool same = layer.normalisation == SoftNormalisation::none;
  const bool mixes_normalised = layer.normalisation == SoftNormalisation::rms;
  const Matrix normalised = same ? Matrix() : normalised_tokens(layer, x, threads);
  const Matrix logits = linear(same ? x : ConstMatrix(normalised), prepared.slots, threads);
  record(trace, "logits", logits);

  Matrix shares(trace != nullptr ? T : 0, logits.cols());
  const Matrix rows = mix_tokens(groups, logits, mixes_normalised ? ConstMatrix(normalised) : x,
                                 trace != nullptr ? &shares : nullptr, threads);
  const Matrix weights = all_scores(Score::softmax, logits, threads);
  if (trace != nullptr) record(trace, "scores", shares);
  record(trace, "weights", weights);
  record(trace, "dispatched", rows);

  const Matrix outputs = run_experts(prepared.experts, groups.dispatch(), rows, trace, threads);
  Matrix y = mix_slots(groups, weights, outputs, threads);
  record(trace, "output", y);
  return y;
}

}  // namespace moe::cpu
