// Weights of mixers with a state instead of a growing cache.
#include "reference/accounting/weights.h"

namespace moe::accounting {
namespace {

struct Adder {
  std::vector<Weight>& list;
  void product(const char* name, const Size& rows, const Size& cols) {
    list.push_back({Component::attention, name, Role::product, rows, cols});
  }
  void other(const char* name, const Size& rows, const Size& cols = 1) {
    list.push_back({Component::attention, name, Role::other, rows, cols});
  }
};

// Gated delta net.  source: transformers, modeling_qwen3_next.py
void add_delta_net(Adder add, const Mixer& m, const Size& d) {
  const Size vh("vh", m.heads);
  const Size K = Size("kh", m.kv_heads) * Size("a_k", m.key_width);
  const Size W = vh * Size("a_v", m.value_width);
  add.product("qkvz", 2 * K + 2 * W, d);
  add.product("beta_decay", 2 * vh, d);
  add.other("convolution", 2 * K + W, Size("c", m.convolution));
  add.other("decay", 2 * vh);
  add.other("norm", Size("a_v", m.value_width));
  add.product("out", d, W);
}

// Lightning attention.  source: MiniMax-01 (2501.08313), section 2.2
void add_lightning(Adder add, const Mixer& m, const Size& d) {
  const Size ha = Size("h", m.heads) * Size("a", m.key_width);
  add.product("qkv", 3 * ha, d);
  add.product("gate", ha, d);
  add.product("out", d, ha);
  add.other("norm", ha);
}

// Mamba-1 with norms of dt, B and C.  source: modeling_jamba.py
void add_mamba1(Adder add, const Mixer& m, const Size& d) {
  const Size D("D", m.inner_width);
  const Size N("N", m.state);
  const Size r("r", m.step_rank);
  add.product("in", 2 * D, d);
  add.other("convolution", D, Size("c", m.convolution));
  if (m.convolution_bias) add.other("convolution_bias", D);
  add.product("x", r + 2 * N, D);
  add.product("dt", D, r);
  add.other("dt_bias", D);
  add.other("A", D, N);
  add.other("skip", D);
  add.product("out", d, D);
  add.other("inner_norms", r + 2 * N);
  if (m.projection_bias) add.other("bias", 2 * D + d);
}

// Mamba-2.  source: modular_nemotron_h.py
void add_mamba2(Adder add, const Mixer& m, const Size& d) {
  const Size heads("heads", m.heads);
  const Size D = heads * Size("a", m.key_width);
  const Size C = D + 2 * Size("groups", m.kv_heads) * Size("N", m.state);
  add.product("in", D + C + heads, d);
  add.other("convolution", C, Size("c", m.convolution));
  if (m.convolution_bias) add.other("convolution_bias", C);
  add.other("dt_bias_A_skip", 3 * heads);
  add.other("norm", D);
  add.product("out", d, D);
  if (m.projection_bias) add.other("bias", D + C + heads + d);
}

}  // namespace

void add_state_mixer(std::vector<Weight>& list, const Mixer& mixer, Index D) {
  const Size d("d", D);
  const Adder add{list};
  if (mixer.kind == MixerKind::delta_net) add_delta_net(add, mixer, d);
  if (mixer.kind == MixerKind::lightning) add_lightning(add, mixer, d);
  if (mixer.kind == MixerKind::mamba1) add_mamba1(add, mixer, d);
  if (mixer.kind == MixerKind::mamba2) add_mamba2(add, mixer, d);
}

}  // namespace moe::accounting
