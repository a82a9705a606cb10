// Models where most mixers are not softmax attention.
// source: transformers, modeling_jamba.py, modular_nemotron_h.py
#include <fmt/format.h>

#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

Mixer read_mamba1(Settings& s, Index D) {
  Mixer a;
  a.kind = MixerKind::mamba1;
  a.inner_width = s.whole({"mamba_expand"}, 1, 1024) * D;
  a.state = s.whole({"mamba_d_state"});
  a.convolution = s.whole({"mamba_d_conv"}, 1, 1024);
  a.step_rank = ceil_div(D, 16);
  if (!s.says({"mamba_dt_rank"}, "auto"))
    a.step_rank = s.whole_or(a.step_rank, {"mamba_dt_rank"});
  a.convolution_bias = s.flag_or(true, {"mamba_conv_bias"});
  a.projection_bias = s.flag_or(false, {"mamba_proj_bias"});
  return a;
}

// i % period == offset: attention, experts.
void jamba(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const Mixer attention = read_attention(s, m, "");
  const Mixer mamba = read_mamba1(s, m.width);
  const Mixture moe = read_mixture(s, {"intermediate_size"});
  const DenseFfn ffn{.hidden = moe.hidden};
  const Index L = read_layer_count(s);
  const Index attention_period = s.whole_or(8, {"attn_layer_period"}, 1, L);
  const Index attention_offset =
      s.whole_or(4, {"attn_layer_offset"}, 0, attention_period - 1);
  const Index expert_period = s.whole_or(2, {"expert_layer_period"}, 1, L);
  const Index expert_offset =
      s.whole_or(1, {"expert_layer_offset"}, 0, expert_period - 1);
  for (Index i = 0; i < L; i++) {
    const bool attends = i % attention_period == attention_offset;
    Layer layer{.mixers = {attends ? attention : mamba}};
    if (i % expert_period == expert_offset && moe.experts > 1)
      layer.mixture = moe;
    else
      layer.dense = {ffn};
    m.layers.push_back(layer);
  }
}

Mixer read_mamba2(Settings& s) {
  Mixer a;
  a.kind = MixerKind::mamba2;
  a.heads = s.whole({"mamba_num_heads"}, 1, Index{1} << 20);
  a.key_width = s.whole({"mamba_head_dim"});
  a.inner_width = times({a.heads, a.key_width});
  a.kv_heads = s.whole({"n_groups"}, 1, a.heads);
  a.state = s.whole({"ssm_state_size"});
  a.convolution = s.whole({"conv_kernel"}, 1, 1024);
  a.convolution_bias = s.flag_or(true, {"use_conv_bias"});
  a.projection_bias = s.flag_or(false, {"mamba_proj_bias"});
  s.find_whole({"expand"}, 0);  // the heads say it
  return a;
}

Mixture read_nemotron_mixture(Settings& s) {
  Mixture moe = read_mixture(s, {"moe_intermediate_size"});
  moe.gated = false;
  moe.correction_bias = true;
  moe.latent = s.find_whole({"moe_latent_size"}).value_or(0);
  if (s.find_whole({"n_shared_experts"}, 0, 1024).value_or(1) > 0)
    moe.shared_hidden = s.whole({"moe_shared_expert_intermediate_size"}, 0);
  moe.groups = s.find_whole({"n_group"}, 1, moe.experts).value_or(1);
  moe.chosen_groups =
      s.find_whole({"topk_group"}, 1, moe.groups).value_or(moe.groups);
  return moe;
}

// One part a layer: M mamba, E experts, * attention, - dense.
Layer nemotron_layer(Settings& s, const Model& m, char letter,
                     std::string_view key) {
  Layer layer{.norms = 1};
  if (letter == 'M') layer.mixers = {read_mamba2(s)};
  if (letter == '*') layer.mixers = {read_attention(s, m, "attention_bias")};
  if (letter == 'E') layer.mixture = read_nemotron_mixture(s);
  if (letter == '-')
    layer.dense = {{.hidden = s.whole({"intermediate_size"}),
                    .gated = false,
                    .biases = s.flag_or(false, {"mlp_bias"})}};
  if (layer.mixers.empty() && layer.dense.empty() && !layer.mixture)
    s.refuse(key, fmt::format("letters M, E, * and -; '{}' is none", letter));
  return layer;
}

// The pattern, as letters or as words.
std::string nemotron_pattern(Settings& s, std::string_view letters_key,
                             std::string_view words_key) {
  const auto pattern = s.text({letters_key});
  const auto types = s.texts({words_key});
  if (!types) return pattern.value_or("");
  std::string letters;
  for (const std::string& type : *types)
    letters += type == "mamba"       ? 'M'
               : type == "moe"       ? 'E'
               : type == "attention" ? '*'
               : type == "mlp"       ? '-'
                                     : '?';
  if (pattern && *pattern != letters)
    s.refuse(words_key, fmt::format("what {} says", letters_key));
  return letters;
}

void nemotron_h(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const std::string pattern = nemotron_pattern(
      s, "hybrid_override_pattern", "layers_block_type");
  if (pattern.empty())
    s.refuse("hybrid_override_pattern", "a letter for each layer");
  const auto length = static_cast<Index>(pattern.size());
  const Index L = s.whole_or(length, {"num_hidden_layers"}, 1, kMostLayers);
  if (L != length)
    s.refuse("num_hidden_layers",
             fmt::format("{}, the letters of hybrid_override_pattern", length));
  const char* key = s.has({"hybrid_override_pattern"})
                        ? "hybrid_override_pattern"
                        : "layers_block_type";
  for (const char letter : pattern)
    m.layers.push_back(nemotron_layer(s, m, letter, key));
  s.find_whole({"intermediate_size"}, 0);
  s.find_flag({"mlp_bias"});
  if (s.find_flag({"use_bias"}).value_or(false))
    s.refuse("use_bias", "false: which biases it adds is not known");
  const std::string mtp = nemotron_pattern(s, "mtp_hybrid_override_pattern",
                                           "mtp_layers_block_type");
  const char* modules = "num_nextn_predict_layers";
  m.mtp.modules = mtp.empty() ? s.find_whole({modules}, 0, 1024).value_or(0)
                              : s.whole_or(1, {modules}, 0, 1024);
  if (m.mtp.modules > 0 && mtp.empty())
    s.refuse("mtp_hybrid_override_pattern", "the layers of an MTP module");
  for (const char letter : mtp)
    m.mtp.layers.push_back(
        nemotron_layer(s, m, letter, "mtp_hybrid_override_pattern"));
}

constexpr std::array kFamilies{Family{"jamba", jamba},
                               Family{"nemotron_h", nemotron_h}};

}  // namespace

std::span<const Family> hybrid_families() { return kFamilies; }

}  // namespace moe::accounting
