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

// Products before the activation: gate and up, or up alone.
Index inputs(const MoeShape& s) { return s.gated ? 2 : 1; }

// The stages in the space that experts work in. What they give together is
// kept where a matrix takes it back.
void add_experts(const MoeShape& s, std::vector<StageSize>& list) {
  const Index L = s.latent > 0 ? s.latent : s.width;
  const Index TL = times({s.tokens, L});
  const Index RL = times({s.rows, L});
  const Index RF = times({s.rows, s.hidden});
  const Index idle_L = times({s.idle_rows, L});
  const Index idle_F = times({s.idle_rows, s.hidden});
  if (s.latent > 0) list.push_back({"latent", TL});
  list.push_back({"dispatched", RL, idle_L, false, true, true});
  list.push_back({"gate, up", times({inputs(s), RF - idle_F}), 0, false, false,
                  true});
  list.push_back({"hidden", RF, idle_F, false, true, true});
  list.push_back({"expert_out", RL, idle_L, false, true, true});
  list.push_back({"combined", TL, 0, false, true, s.latent > 0});
}

}  // namespace

MoeShape shape_of(const Mixture& m, Index D, Index T) {
  const Index E = m.experts + m.zero_experts;
  const Index R = times({T, m.chosen});
  return {.tokens = T,
          .width = D,
          .experts = E,
          .chosen = m.chosen,
          .hidden = m.hidden,
          .rows = R,
          .idle_rows = R - share(R, m.experts, E),
          .latent = m.latent,
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
  shape.idle_rows = 0;
  shape.capacity = true;
  return shape;
}

std::vector<StageSize> layer_stages(const MoeShape& s) {
  const Index TE = times({s.tokens, s.experts});
  const Index TK = times({s.tokens, s.chosen});
  const Index TD = times({s.tokens, s.width});
  std::vector<StageSize> list;
  if (s.scored) list.push_back({"logits", TE});
  if (s.scored && s.noisy) list.push_back({"noisy_logits", TE});
  if (s.scored) list.push_back({"scores", TE, 0, false, true, true});
  list.push_back({"selected", TK, 0, true, true, true});
  list.push_back({"weights", TK, 0, false, true, true});
  list.push_back({"positions", TK, 0, true, true, true});
  if (s.capacity)
    list.push_back({"kept_weights", TK, 0, false, true, true});
  add_experts(s, list);
  if (s.latent > 0) list.push_back({"expanded", TD});
  if (s.shared_hidden > 0) {
    const Index TS = times({s.tokens, s.shared_hidden});
    list.push_back({"shared gate, up", times({inputs(s), TS}), 0, false, false,
                    true});
    list.push_back({"shared hidden", TS, 0, false, false, true});
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
                             stage.elements - stage.idle}));
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
    sum = plus(sum, kept_bytes(factor > 0
                                   ? shape_with_capacity(m, D, T, factor)
                                   : shape_of(m, D, T),
                               value_bytes, false));
  }
  return sum;
}

}  // namespace moe::accounting
