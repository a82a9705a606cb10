// Decoders of attention and experts, all layers alike.
#include <algorithm>
#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

void repeat(Settings& s, Model& m, const Layer& layer) {
  m.layers.assign(static_cast<std::size_t>(read_layer_count(s)), layer);
}

// Llama, Mistral.  source: transformers, modeling_llama.py
void llama(Settings& s, Model& m) {
  read_trunk(s, m, false);
  DenseFfn ffn{.hidden = s.whole({"intermediate_size"})};
  ffn.biases = s.flag_or(false, {"mlp_bias"});
  repeat(s, m, {.mixers = {read_attention(s, m, "attention_bias")},
                .dense = {ffn}});
  read_windows(s, m, true);
}

void mixtral(Settings& s, Model& m) {
  read_trunk(s, m, false);
  repeat(s, m, {.mixers = {read_attention(s, m, "")},
                .mixture = read_mixture(s, {"intermediate_size"})});
  read_windows(s, m, true);
}

// Norms over all heads of q and of k.  source: modeling_olmoe.py
void olmoe(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "attention_bias");
  a.norm = HeadNorm::over_all_heads;
  repeat(s, m, {.mixers = {a},
                .mixture = read_mixture(s, {"intermediate_size"})});
}

// LayerNorm with biases.  source: modeling_phimoe.py
void phimoe(Settings& s, Model& m) {
  read_trunk(s, m, false);
  m.norm_parts = 2;
  repeat(s, m, {.mixers = {read_attention(s, m, "attention_bias")},
                .mixture = read_mixture(s, {"intermediate_size"})});
  read_windows(s, m, true);
}

void granite(Settings& s, Model& m) {
  read_trunk(s, m, false);
  repeat(s, m, {.mixers = {read_attention(s, m, "attention_bias")},
                .mixture = read_mixture(s, {"intermediate_size"})});
}

// Biases everywhere, sinks, every second layer in a window.
// source: modeling_gpt_oss.py
void gpt_oss(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "");
  a.qkv_bias = a.output_bias = s.flag_or(true, {"attention_bias"});
  a.sinks = true;
  Mixture moe = read_mixture(s, {"intermediate_size"});
  moe.router_bias = moe.biases = true;
  repeat(s, m, {.mixers = {a}, .mixture = moe});
  if (s.has({"layer_types"})) return read_windows(s, m, false);
  s.assume("layer_types: sliding, full, sliding, ...");
  const Index window = s.whole_or(128, {"sliding_window"});
  for (std::size_t i = 0; i < m.layers.size(); i += 2)
    m.layers[i].mixers[0].window = window;
}

void dbrx(Settings& s, Model& m) {
  read_trunk(s, m, false);
  repeat(s, m,
         {.mixers = {read_attention(s, m, "")},
          .mixture = read_mixture(s, {"ffn_config.ffn_hidden_size"})});
}

constexpr std::array kFamilies{
    Family{"llama", llama},     Family{"mistral", llama},
    Family{"mixtral", mixtral}, Family{"olmoe", olmoe},
    Family{"phimoe", phimoe},   Family{"granitemoe", granite},
    Family{"gpt_oss", gpt_oss}, Family{"dbrx", dbrx}};

}  // namespace

std::span<const Family> plain_families() { return kFamilies; }

}  // namespace moe::accounting
