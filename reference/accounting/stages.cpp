#include "reference/accounting/stages.h"

#include <cmath>

#include "reference/accounting/size.h"

namespace moe::accounting {
namespace {

// Elements a mixer keeps for T tokens: q, k, v, what the heads return, and a
// number a head for the scores that are computed again.
Index mixer_kept(const Mixer& m, Index T) {
  const Index h = m.heads;
  Index each = 0;
  switch (m.kind) {
    case MixerKind::attention:
      each = (h + m.kv_heads) * m.key_width +
             (h + m.kv_heads) * m.value_width + h;
      break;
    case MixerKind::latent:
      each = m.query_rank + m.latent_rank + m.rope_width +
             2 * h * (m.key_width + m.rope_width + m.value_width) + h;
      break;
    case MixerKind::delta_net:
      each = 2 * m.kv_heads * m.key_width + 3 * h * m.value_width + 2 * h;
      break;
    case MixerKind::lightning:
      each = 5 * h * m.key_width;
      break;
    case MixerKind::mamba1:
    case MixerKind::mamba2:
      each = 4 * m.inner_width + 2 * m.kv_heads * m.state + m.step_rank;
      break;
  }
  return times({T, each});
}

}  // namespace

MoeShape shape_of(const Mixture& m, Index D, Index T) {
  return {.tokens = T,
          .width = D,
          .experts = m.experts + m.zero_experts,
          .chosen = m.chosen,
          .hidden = m.hidden,
          .rows = share(times({T, m.chosen}), m.experts,
                        m.experts + m.zero_experts),
          .shared_hidden = m.shared_hidden,
          .gated = m.gated};
}

MoeShape shape_with_capacity(const Mixture& m, Index D, Index T,
                             double factor) {
  MoeShape shape = shape_of(m, D, T);
  const double even = static_cast<double>(times({T, m.chosen})) /
                      static_cast<double>(shape.experts);
  const auto places = static_cast<Index>(std::ceil(factor * even));
  shape.rows = times({m.experts, places});
  shape.capacity = true;
  return shape;
}

std::vector<StageSize> layer_stages(const MoeShape& s) {
  const Index TE = times({s.tokens, s.experts});
  const Index TK = times({s.tokens, s.chosen});
  const Index TD = times({s.tokens, s.width});
  const Index RD = times({s.rows, s.width});
  const Index RF = times({s.rows, s.hidden});
  const Index inputs = s.gated ? 2 : 1;  // gate and up, or up alone
  std::vector<StageSize> list{{"logits", TE},
                              {"scores", TE, false, true, true},
                              {"selected", TK, true, true, true},
                              {"weights", TK, false, true, true},
                              {"positions", TK, true, true, true}};
  if (s.capacity) list.push_back({"kept_weights", TK, false, true, true});
  list.push_back({"dispatched", RD, false, true, true});
  list.push_back({"gate, up", times({inputs, RF}), false, false, true});
  list.push_back({"hidden", RF, false, true, true});
  list.push_back({"expert_out", RD, false, true, true});
  list.push_back({"combined", TD});
  if (s.shared_hidden > 0) {
    const Index TS = times({s.tokens, s.shared_hidden});
    list.push_back(
        {"shared gate, up", times({inputs, TS}), false, false, true});
    list.push_back({"shared hidden", TS, false, false, true});
    list.push_back({"shared", TD});
  }
  list.push_back({"output", TD});
  return list;
}

Index trace_bytes(const MoeShape& shape) {
  Index sum = 0;
  for (const StageSize& stage : layer_stages(shape))
    if (stage.in_trace) sum = plus(sum, times({4, stage.elements}));
  return sum;
}

Index kept_bytes(const MoeShape& shape, Index value_bytes, bool recompute) {
  Index sum = times({shape.tokens, shape.width, value_bytes});
  if (recompute) return sum;
  for (const StageSize& stage : layer_stages(shape))
    if (stage.kept)
      sum = plus(sum, times({stage.integer ? 4 : value_bytes,
                             stage.elements}));
  return sum;
}

Index training_bytes(const Model& model, Index T, Index value_bytes,
                     bool recompute, double factor) {
  const Index D = model.width;
  Index sum = times({4, T, model.vocabulary});  // logits
  for (const Layer& layer : model.layers) {
    sum = plus(sum, times({T, D, value_bytes}));  // the layer's input
    if (recompute) continue;
    sum = plus(sum, times({layer.norms - 1, T, D, value_bytes}));
    for (const Mixer& m : layer.mixers)
      sum = plus(sum, times({value_bytes, mixer_kept(m, T)}));
    for (const DenseFfn& f : layer.dense)
      sum = plus(sum, times({f.gated ? 3 : 2, T, f.hidden, value_bytes}));
    if (!layer.mixture) continue;
    const Mixture& m = *layer.mixture;
    const Index width = m.latent > 0 ? m.latent : D;
    sum = plus(sum, kept_bytes(factor > 0
                                   ? shape_with_capacity(m, width, T, factor)
                                   : shape_of(m, width, T),
                               value_bytes, false));
  }
  return sum;
}

}  // namespace moe::accounting
