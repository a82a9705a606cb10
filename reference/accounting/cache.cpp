#include "reference/accounting/cache.h"

#include <algorithm>

#include "reference/accounting/size.h"

namespace moe::accounting {
namespace {

// Elements that one token leaves in one mixer. Under tensor parallelism a
// rank holds ceil(g / ranks) heads, but the whole of a latent.
Index kept_elements(const Mixer& m, Index ranks) {
  if (m.kind == MixerKind::attention)
    return times({ceil_div(m.kv_heads, ranks), m.key_width + m.value_width});
  if (m.kind == MixerKind::latent)
    return m.latent_rank + m.rope_width + m.index_width;
  return 0;
}

Index most_kept(const Mixer& m) { return std::max(m.window, m.chunk); }

Index state_of(const Mixer& m, const CacheOptions& o) {
  Index state = 0;
  Index channels = 0;
  if (m.kind == MixerKind::delta_net) {
    state = times({m.heads, m.key_width, m.value_width});
    channels = 2 * m.kv_heads * m.key_width + m.heads * m.value_width;
  }
  if (m.kind == MixerKind::lightning)
    state = times({m.heads, m.key_width, m.key_width});
  if (m.kind == MixerKind::mamba1 || m.kind == MixerKind::mamba2) {
    state = times({m.inner_width, m.state});
    channels = m.inner_width;
    if (m.kind == MixerKind::mamba2) channels += 2 * m.kv_heads * m.state;
  }
  const Index taps = m.convolution > 0 ? m.convolution - 1 : 0;
  return plus(times({state, o.state_bytes}),
              times({taps, channels, o.convolution_bytes}));
}

}  // namespace

Cache cache(const Model& model, const CacheOptions& o) {
  Cache c;
  for (const Layer& layer : model.layers) {
    for (const Mixer& m : layer.mixers) {
      if (layer.encoder) continue;  // an encoder runs once
      const Index bytes =
          times({kept_elements(m, o.tensor_ranks), o.element_bytes});
      Index& sum = most_kept(m) > 0 ? c.per_windowed_token : c.per_token;
      sum = plus(sum, bytes);
      c.state = plus(c.state, state_of(m, o));
    }
  }
  return c;
}

Index state_bytes(const Model& model, const CacheOptions& o) {
  return cache(model, o).state;
}

Index cache_bytes(const Model& model, Index n, const CacheOptions& o) {
  Index sum = state_bytes(model, o);
  for (const Layer& layer : model.layers) {
    for (const Mixer& m : layer.mixers) {
      if (layer.encoder) continue;
      const Index most = most_kept(m);
      const Index tokens = most > 0 ? std::min(n, most) : n;
      const Index held = times({ceil_div(tokens, o.page), o.page});
      sum = plus(sum, times({held, kept_elements(m, o.tensor_ranks),
                             o.element_bytes}));
    }
  }
  return sum;
}

Index cache_read_bytes(const Model& model, Index n, const CacheOptions& o) {
  Index sum = cache_bytes(model, n, o) - state_bytes(model, o);
  for (const Layer& layer : model.layers)
    for (const Mixer& m : layer.mixers) {
      if (m.index_keys == 0 || n <= m.index_keys) continue;
      const Index latent = m.latent_rank + m.rope_width;
      sum -= times({n - m.index_keys, latent, o.element_bytes});
    }
  return sum;
}

}  // namespace moe::accounting
