#include "reference/accounting/flops.h"

#include <algorithm>

namespace moe::accounting {
namespace {

// FLOPs for each key: scores and values.
Index per_key(const Mixer& m, bool decoding) {
  if (m.kind == MixerKind::latent && decoding)
    return times({2, m.heads, 2 * m.latent_rank + m.rope_width});
  return times({2, m.heads, m.key_width + m.rope_width + m.value_width});
}

// Channels that the convolution of a linear mixer runs over.
Index channels(const Mixer& m) {
  if (m.kind == MixerKind::delta_net)
    return 2 * m.kv_heads * m.key_width + m.heads * m.value_width;
  if (m.kind == MixerKind::mamba1) return m.inner_width;
  if (m.kind == MixerKind::mamba2)
    return m.inner_width + 2 * m.kv_heads * m.state;
  return 0;
}

// The recurrence of one token, and its convolution.
Index state_flops(const Mixer& m) {
  Index step = 0;
  if (m.kind == MixerKind::delta_net)  // decay 1, read 2, write 2, query 2
    step = times({7, m.heads, m.key_width, m.value_width});
  if (m.kind == MixerKind::lightning)
    step = times({5, m.heads, m.key_width, m.key_width});
  if (m.kind == MixerKind::mamba1) step = times({7, m.inner_width, m.state});
  if (m.kind == MixerKind::mamba2) step = times({5, m.inner_width, m.state});
  return plus(step, times({2, m.convolution, channels(m)}));
}

bool grows(const Mixer& m) {
  return m.kind == MixerKind::attention || m.kind == MixerKind::latent;
}

// The sum over n = 1..S of min(n, W).
Index windowed_sum(Index S, Index W) {
  const Index w = std::min(S, W);
  return plus(times({w, w + 1}) / 2, times({S - w, w}));
}

// The sum over n = 1..S of the keys seen.
Index keys_sum(const Mixer& m, Index S) {
  if (m.cross) return times({S, S});
  if (m.chunk > 0)
    return plus(times({S / m.chunk, windowed_sum(m.chunk, m.chunk)}),
                windowed_sum(S % m.chunk, m.chunk));
  Index most = S;
  if (m.window > 0) most = std::min(most, m.window);
  if (m.index_keys > 0) most = std::min(most, m.index_keys);
  return windowed_sum(S, most);
}

}  // namespace

Index keys_seen(const Mixer& m, Index n) {
  if (m.cross) return n;
  if (m.chunk > 0) return n == 0 ? 0 : (n - 1) % m.chunk + 1;
  Index seen = n;
  if (m.window > 0) seen = std::min(seen, m.window);
  if (m.index_keys > 0) seen = std::min(seen, m.index_keys);
  return seen;
}

Index weight_flops(const Model& model, bool head) {
  Index sum = 0;
  for (const Weight& w : weights(model)) {
    const bool counted = head || w.component != Component::lm_head;
    if (w.role == Role::product && counted)
      sum = plus(sum, times({2, w.active()}));
  }
  return sum;
}

Index mixer_flops(const Mixer& m, Index n, bool decoding) {
  if (!grows(m)) return state_flops(m);
  const Index index = times({2, m.index_heads, m.index_width, n});
  return plus(times({per_key(m, decoding), keys_seen(m, n)}), index);
}

Index mixer_prompt_flops(const Mixer& m, Index S) {
  if (!grows(m)) return times({S, state_flops(m)});
  const Index index =
      times({2, m.index_heads, m.index_width, windowed_sum(S, S)});
  return plus(times({per_key(m, false), keys_sum(m, S)}), index);
}

Index decode_flops(const Model& model, Index n) {
  Index sum = weight_flops(model, true);
  for (const Layer& layer : model.layers)
    for (const Mixer& m : layer.mixers)
      sum = plus(sum, mixer_flops(m, n, true));
  return sum;
}

Index prefill_flops(const Model& model, Index S, bool every_head) {
  Index sum = times({S, weight_flops(model, every_head)});
  if (!every_head)
    sum = plus(sum, weight_flops(model, true) - weight_flops(model, false));
  for (const Layer& layer : model.layers)
    for (const Mixer& m : layer.mixers) {
      // An encoder's tokens see all others, not only those before them.
      const Index work = layer.encoder && m.kind == MixerKind::attention
                             ? times({S, mixer_flops(m, S, false)})
                             : mixer_prompt_flops(m, S);
      sum = plus(sum, work);
    }
  return sum;
}

Index training_flops(const Model& model, Index S, bool recompute) {
  return times({recompute ? 4 : 3, prefill_flops(model, S, true)});
}

}  // namespace moe::accounting
