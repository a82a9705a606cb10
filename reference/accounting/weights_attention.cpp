// Weights of softmax attention.
#include "reference/accounting/weights.h"

namespace moe::accounting {
namespace {

// Appends matrices and vectors of one component.
struct Adder {
  std::vector<Weight>& list;
  void product(const char* name, const Size& rows, const Size& cols) {
    list.push_back({Component::attention, name, Role::product, rows, cols});
  }
  void vector(const char* name, const Size& size) {
    list.push_back({Component::attention, name, Role::other, size, 1});
  }
};

// MHA, GQA, MQA:  q: d h a;  k, v: d g a, d g a_v;  o: h a_v d
void add_attention(Adder add, const Mixer& m, const Size& d) {
  const Size h("h", m.heads);
  const Size g("g", m.kv_heads);
  const Size a("a", m.key_width);
  const Size a_v(m.value_width == m.key_width ? "a" : "a_v", m.value_width);
  add.product("q", m.output_gate ? 2 * h * a : h * a, d);
  add.product("k", g * a, d);
  add.product("v", g * a_v, d);
  add.product("o", d, h * a_v);
  if (m.qkv_bias) add.vector("qkv_bias", h * a + g * a + g * a_v);
  if (m.output_bias) add.vector("o_bias", d);
  if (m.sinks) add.vector("sinks", h);
  if (m.norm == HeadNorm::per_head) add.vector("qk_norm", 2 * a);
  if (m.norm == HeadNorm::over_all_heads)
    add.vector("qk_norm", h * a + g * a);
}

// DeepSeek sparse attention: who of the past is looked at.
void add_indexer(Adder add, const Mixer& m, const Size& d, const Size& r_q) {
  const Size n_i("n_i", m.index_heads);
  const Size a_i("a_i", m.index_width);
  add.product("index_q", n_i * a_i, r_q);
  add.product("index_k", a_i, d);
  add.product("index_weights", n_i, d);
  add.vector("index_norm", 2 * a_i);
}

// MLA.  source: DeepSeek-V2 (2405.04434), section 2.1
void add_latent(Adder add, const Mixer& m, const Size& d) {
  const Size h("h", m.heads);
  const Size r_q("r_q", m.query_rank);
  const Size r_kv("r_kv", m.latent_rank);
  const Size nope("a_nope", m.key_width);
  const Size rope("a_rope", m.rope_width);
  const Size a_v("a_v", m.value_width);
  if (m.query_rank == 0) {
    add.product("q", h * (nope + rope), d);
  } else {
    add.product("q_down", r_q, d);
    add.vector("q_norm", r_q);
    add.product("q_up", h * (nope + rope), r_q);
  }
  add.product("kv_down", r_kv + rope, d);
  add.vector("kv_norm", r_kv);
  add.product("kv_up", h * (nope + a_v), r_kv);
  add.product("o", d, h * a_v);
  if (m.qkv_bias && m.query_rank > 0) add.vector("q_down_bias", r_q);
  if (m.qkv_bias) add.vector("kv_down_bias", r_kv + rope);
  if (m.output_bias) add.vector("o_bias", d);
  if (m.index_heads > 0) add_indexer(add, m, d, r_q);
}

}  // namespace

void add_mixer(std::vector<Weight>& list, const Mixer& mixer, Index D) {
  const Size d("d", D);
  if (mixer.kind == MixerKind::attention)
    add_attention({list}, mixer, d);
  else if (mixer.kind == MixerKind::latent)
    add_latent({list}, mixer, d);
  else
    add_state_mixer(list, mixer, D);
}

}  // namespace moe::accounting
