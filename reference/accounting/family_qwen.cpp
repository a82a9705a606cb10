// Qwen.  source: transformers, modeling_qwen2_moe.py, _qwen3_moe.py,
// _qwen3_next.py
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

// Layers with experts: (i + 1) % decoder_sparse_step == 0, and not listed in
// mlp_only_layers.
void add_layers(Settings& s, Model& m, const Mixer& mixer,
                const Mixture& moe) {
  const Index L = read_layer_count(s);
  const Index step = s.find_whole({"decoder_sparse_step"}, 1, kMostLayers)
                         .value_or(1);
  std::vector<Index> plain;
  if (const auto list = s.list({"mlp_only_layers"}, L - 1)) plain = *list;
  for (Index i = 0; i < L; i++) {
    Layer layer{.mixers = {mixer}};
    const bool listed = std::find(plain.begin(), plain.end(), i) != plain.end();
    if ((i + 1) % step == 0 && !listed)
      layer.mixture = moe;
    else
      layer.dense = {{.hidden = s.whole({"intermediate_size"})}};
    m.layers.push_back(layer);
  }
  s.find_whole({"intermediate_size"}, 0);
}

// Qwen3's norms are always there; a config may say so.
void expect_head_norms(Settings& s) {
  if (!s.find_flag({"use_qk_norm"}).value_or(true))
    s.refuse("use_qk_norm", "true, as every Qwen3 has it");
}

void qwen_dense(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const bool third = m.model_type == "qwen3";
  Mixer a = read_attention(s, m, third ? "attention_bias" : "");
  if (third) expect_head_norms(s);
  if (third) a.norm = HeadNorm::per_head;
  if (!third) a.qkv_bias = s.flag_or(true, {"qkv_bias", "attention_bias"});
  const DenseFfn ffn{.hidden = s.whole({"intermediate_size"})};
  m.layers.assign(static_cast<std::size_t>(read_layer_count(s)),
                  {.mixers = {a}, .dense = {ffn}});
  read_windows(s, m, false);
}

void qwen2_moe(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "");
  a.qkv_bias = s.flag_or(true, {"qkv_bias"});
  Mixture moe = read_mixture(s, {"moe_intermediate_size"});
  moe.shared_hidden = s.whole({"shared_expert_intermediate_size"}, 0);
  moe.shared_gate = moe.shared_hidden > 0;
  add_layers(s, m, a, moe);
  read_windows(s, m, false);
}

void qwen3_moe(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "attention_bias");
  expect_head_norms(s);
  a.norm = HeadNorm::per_head;
  add_layers(s, m, a, read_mixture(s, {"moe_intermediate_size"}));
  read_windows(s, m, false);
}

Mixer read_delta_net(Settings& s) {
  Mixer a;
  a.kind = MixerKind::delta_net;
  a.kv_heads = s.whole({"linear_num_key_heads"}, 1, Index{1} << 20);
  a.heads = s.whole({"linear_num_value_heads"}, 1, Index{1} << 20);
  a.key_width = s.whole({"linear_key_head_dim"});
  a.value_width = s.whole({"linear_value_head_dim"});
  a.convolution = s.whole({"linear_conv_kernel_dim"}, 1, 1024);
  if (a.heads % a.kv_heads != 0)
    s.refuse("linear_num_key_heads",
             fmt::format("a divisor of {} value heads", a.heads));
  return a;
}

// Three layers of gated delta net, then one of gated attention.
void qwen3_next(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "attention_bias");
  expect_head_norms(s);
  a.norm = HeadNorm::per_head;
  a.output_gate = s.find_flag({"attn_output_gate"}).value_or(true);
  Mixture moe = read_mixture(s, {"moe_intermediate_size"});
  moe.shared_hidden = s.whole({"shared_expert_intermediate_size"}, 0);
  moe.shared_gate = moe.shared_hidden > 0;
  add_layers(s, m, a, moe);

  const Mixer linear = read_delta_net(s);
  const auto L = static_cast<Index>(m.layers.size());
  const auto types =
      read_layer_types(s, L, {"full_attention", "linear_attention"});
  const Index every = types ? s.find_whole({"full_attention_interval"}, 1,
                                           kMostLayers)
                                  .value_or(4)
                            : s.whole_or(4, {"full_attention_interval"}, 1,
                                         kMostLayers);
  for (Index i = 0; i < L; i++) {
    const auto at = static_cast<std::size_t>(i);
    const bool full = types ? types->at(at) == "full_attention"
                            : (i + 1) % every == 0;
    if (!full) m.layers[at].mixers = {linear};
  }
  m.mtp.modules = s.whole_or(1, {"mtp_num_hidden_layers"}, 0, 1024);
  m.mtp.layers = {{.mixers = {a}, .mixture = moe}};
}

constexpr std::array kFamilies{
    Family{"qwen2", qwen_dense},         Family{"qwen3", qwen_dense},
    Family{"qwen2_moe", qwen2_moe},      Family{"qwen3_moe", qwen3_moe},
    Family{"qwen3_vl_moe_text", qwen3_moe},
    Family{"qwen3_next", qwen3_next},    Family{"qwen3_5_moe", qwen3_next},
    Family{"qwen3_5_moe_text", qwen3_next}};

}  // namespace

std::span<const Family> qwen_families() { return kFamilies; }

}  // namespace moe::accounting
