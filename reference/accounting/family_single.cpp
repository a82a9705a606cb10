// Models whose rules are their own.  source: transformers, modeling_llama4.py,
// _ernie4_5_moe.py; Hunyuan-A13B, hunyuan.py; grok-1, model.py
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

// Layers step-1, 2 step-1, ... have experts, or those moe_layers lists.
std::vector<bool> llama4_experts(Settings& s, Index L) {
  std::vector<bool> experts(static_cast<std::size_t>(L));
  const bool is_listed = s.has({"moe_layers"});
  std::vector<Index> list;
  if (is_listed) list = s.list({"moe_layers"}, L - 1).value();
  Index step = 1;
  if (!is_listed) step = s.whole_or(1, {"interleave_moe_layer_step"}, 1, L);
  s.find_whole({"interleave_moe_layer_step"}, 0);
  for (Index i = 0; i < L; i++) {
    const bool in_list = std::find(list.begin(), list.end(), i) != list.end();
    experts[static_cast<std::size_t>(i)] =
        is_listed ? in_list : (i + 1) % step == 0;
  }
  return experts;
}

// Every fourth layer attends to everything, the others inside chunks.
std::vector<bool> llama4_full(Settings& s, Index L) {
  std::vector<bool> full;
  if (const auto types = read_layer_types(
          s, L, {"full_attention", "chunked_attention"})) {
    for (const std::string& t : *types) full.push_back(t == "full_attention");
    return full;
  }
  const auto said = s.list({"no_rope_layers"}, 1);
  if (said && !said->empty()) {
    const auto rope = s.per_layer({"no_rope_layers"}, L, 0, 1);
    for (const Index r : *rope) full.push_back(r == 0);  // no chunks either
    return full;
  }
  const Index every = s.whole_or(4, {"no_rope_layer_interval"}, 1, kMostLayers);
  for (Index i = 0; i < L; i++) full.push_back((i + 1) % every == 0);
  return full;
}

void llama4(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const Mixer full = read_attention(s, m, "attention_bias");
  s.find_flag({"use_qk_norm"});  // has no weights
  Mixer chunked = full;
  chunked.chunk = s.find_whole({"attention_chunk_size"}).value_or(0);
  Mixture moe = read_mixture(s, {"intermediate_size"});
  moe.shared_hidden = moe.hidden;  // always one, nowhere said
  const Index L = read_layer_count(s);
  const std::vector<bool> experts = llama4_experts(s, L);
  const std::vector<bool> whole = llama4_full(s, L);
  for (std::size_t i = 0; i < experts.size(); i++) {
    Layer layer{.mixers = {whole[i] ? full : chunked}};
    if (experts[i])
      layer.mixture = moe;
    else
      layer.dense = {{.hidden = s.whole({"intermediate_size_mlp"})}};
    m.layers.push_back(layer);
  }
  s.find_whole({"intermediate_size_mlp"}, 0);
  m.not_counted.emplace_back("vision tower and projector");
}

void refuse_if(Settings& s, const char* key) {
  if (s.find_flag({key}).value_or(false))
    s.refuse(key, "false: what it adds is not known");
}

// Values may be lists, one for each layer.
void hunyuan(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixer a = read_attention(s, m, "attention_bias");
  if (s.flag_or(true, {"use_qk_norm"})) a.norm = HeadNorm::per_head;
  refuse_if(s, "use_cla");
  refuse_if(s, "use_mla");
  refuse_if(s, "mlp_bias");
  const Index L = read_layer_count(s);
  const Index E_most = Index{1} << 31;
  const Index dense = s.whole_or(0, {"moe_layer_num_skipped"}, 0, L);
  const Index f = s.whole({"intermediate_size"});
  const auto E =
      s.per_layer({"num_experts", "num_local_experts"}, L, 1, E_most);
  if (!E) s.refuse("num_experts", "a whole number");
  const Index least_E = *std::min_element(E->begin(), E->end());
  const auto K =
      s.per_layer({"moe_topk", "num_experts_per_tok"}, L, 1, least_E);
  if (!K) s.refuse("moe_topk", "a whole number");
  const auto hidden =
      s.per_layer({"moe_intermediate_size"}, L, 1, kLargestSize);
  const bool mixed = s.flag_or(true, {"use_mixed_mlp_moe"});
  const auto shared = s.per_layer({"num_shared_expert"}, L, 0, 1024);
  for (std::size_t i = 0; i < E->size(); i++) {
    Layer layer{.mixers = {a}};
    if (static_cast<Index>(i) < dense || E->at(i) == 1) {
      layer.dense = {{.hidden = f}};
    } else {
      Mixture moe{.experts = E->at(i), .chosen = K->at(i), .hidden = f};
      if (hidden) moe.hidden = hidden->at(i);
      const Index count = shared ? shared->at(i) : 1;
      if (mixed) moe.shared_hidden = times({count, moe.hidden});
      layer.mixture = moe;
    }
    m.layers.push_back(layer);
  }
}

// Layers start .. end with (i + 1) % interval == 0 have experts.
void ernie(Settings& s, Model& m) {
  read_trunk(s, m, true);
  Mixer a = read_attention(s, m, "use_bias");
  Mixture moe = read_mixture(s, {"moe_intermediate_size"});
  moe.correction_bias = s.find_flag({"moe_use_aux_free"}).value_or(true);
  const Index shared = s.whole_or(0, {"moe_num_shared_experts"}, 0, 1024);
  moe.shared_hidden = times({shared, moe.hidden});
  const DenseFfn ffn{.hidden = s.whole({"intermediate_size"}),
                     .biases = a.qkv_bias};
  moe.biases = a.qkv_bias;
  const Index L = read_layer_count(s);
  const Index step = s.whole_or(1, {"moe_layer_interval"}, 1, L);
  const Index start = s.whole_or(1, {"moe_layer_start_index"}, 0, L);
  Index end = s.whole_or(-1, {"moe_layer_end_index"}, -1, L - 1);
  if (end < 0) end = L - 1;
  for (Index i = 0; i < L; i++) {
    Layer layer{.mixers = {a}};
    if (i >= start && i <= end && (i + 1) % step == 0)
      layer.mixture = moe;
    else
      layer.dense = {ffn};
    m.layers.push_back(layer);
  }
  note_unknown_mtp(s, m);
}

constexpr std::array kFamilies{
    Family{"llama4", llama4},  Family{"llama4_text", llama4},
    Family{"hunyuan", hunyuan}, Family{"hunyuan_v1_moe", hunyuan},
    Family{"ernie4_5_moe", ernie}};

}  // namespace

std::span<const Family> single_families() { return kFamilies; }

}  // namespace moe::accounting
