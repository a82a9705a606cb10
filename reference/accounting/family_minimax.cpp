// MiniMax.  source: MiniMax-M1, modeling_minimax_m1.py; transformers,
// modular_minimax_m2.py
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

// attn_type_list: 1 softmax attention, 0 lightning attention.
std::vector<bool> read_full(Settings& s, Index L) {
  std::vector<bool> full;
  if (const auto list = s.per_layer({"attn_type_list"}, L, 0, 1)) {
    for (const Index type : *list) full.push_back(type == 1);
    return full;
  }
  const auto types =
      read_layer_types(s, L, {"full_attention", "linear_attention"});
  if (!types) s.refuse("attn_type_list", "0 or 1 for each layer");
  for (const std::string& type : *types)
    full.push_back(type == "full_attention");
  return full;
}

void refuse_shared(Settings& s) {
  if (s.find_whole({"shared_intermediate_size"}, 0).value_or(0) > 0)
    s.refuse("shared_intermediate_size",
             "0: no model with shared experts of this kind is known");
}

void minimax_01(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const Mixer attention = read_attention(s, m, "");
  Mixer linear = attention;
  linear.kind = MixerKind::lightning;
  linear.kv_heads = linear.heads;
  const Mixture moe = read_mixture(s, {"intermediate_size"});
  refuse_shared(s);
  for (const bool full : read_full(s, read_layer_count(s)))
    m.layers.push_back({.mixers = {full ? attention : linear}, .mixture = moe});
  m.storage.router = "f32";  // as the released checkpoints have it
}

void minimax_m2(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "");
  if (s.flag_or(true, {"use_qk_norm"})) a.norm = HeadNorm::over_all_heads;
  const std::string norm = s.text({"qk_norm_type"}).value_or("per_layer");
  if (norm != "per_layer") s.refuse("qk_norm_type", "per_layer");
  Mixture moe = read_mixture(s, {"intermediate_size"});
  moe.correction_bias = s.flag_or(true, {"use_routing_bias"});
  refuse_shared(s);
  const Index L = read_layer_count(s);
  if (s.has({"attn_type_list"})) {
    const std::vector<bool> full = read_full(s, L);
    if (std::find(full.begin(), full.end(), false) != full.end())
      s.refuse("attn_type_list", "1 for each layer of minimax_m2");
  }
  m.layers.assign(static_cast<std::size_t>(L), {.mixers = {a}, .mixture = moe});
  note_unknown_mtp(s, m);
}

constexpr std::array kFamilies{
    Family{"minimax", minimax_01}, Family{"minimax_text_01", minimax_01},
    Family{"minimax_m1", minimax_01}, Family{"minimax_m2", minimax_m2}};

}  // namespace

std::span<const Family> minimax_families() { return kFamilies; }

}  // namespace moe::accounting
