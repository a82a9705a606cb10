#include "reference/accounting/families.h"

#include <fmt/format.h>

#include <algorithm>

namespace moe::accounting {

void read_trunk(Settings& s, Model& m, bool tied_if_absent) {
  m.width = s.whole({"hidden_size", "d_model", "emb_size"});
  m.vocabulary = s.whole({"vocab_size"});
  m.tied = s.flag_or(tied_if_absent, {"tie_word_embeddings"});
  m.head_bias = s.find_flag({"lm_head_bias"}).value_or(false);
  m.longest = s.find_whole({"max_position_embeddings", "max_seq_len",
                            "sequence_len"})
                  .value_or(0);
}

Index read_layer_count(Settings& s) {
  return s.whole({"num_hidden_layers", "n_layers", "num_layers"}, 1,
                 kMostLayers);
}

Mixer read_attention(Settings& s, const Model& m, std::string_view bias) {
  Mixer a;
  a.heads = s.whole({"num_attention_heads", "n_heads", "num_q_heads"}, 1,
                    Index{1} << 20);
  a.kv_heads = s.whole_or(a.heads,
                          {"num_key_value_heads", "num_kv_heads",
                           "attn_config.kv_n_heads"},
                          1, a.heads);
  if (a.heads % a.kv_heads != 0)
    s.refuse(s.has({"num_key_value_heads"}) ? "num_key_value_heads"
                                            : "num_kv_heads",
             fmt::format("a divisor of num_attention_heads, {}", a.heads));
  const auto width = s.find_whole({"head_dim", "attention_head_dim",
                                   "key_size"});
  if (!width && m.width % a.heads != 0)
    s.refuse("num_attention_heads",
             fmt::format("a divisor of hidden_size {}, as there is no head_dim",
                         m.width));
  a.key_width = width.value_or(m.width / a.heads);
  if (!width) s.assume(fmt::format("head_dim: {}", a.key_width));
  a.value_width = a.key_width;
  if (!bias.empty()) a.qkv_bias = s.flag_or(false, {bias});
  a.output_bias = a.qkv_bias;
  return a;
}

Mixer read_latent(Settings& s) {
  Mixer a;
  a.kind = MixerKind::latent;
  a.heads = s.whole({"num_attention_heads"}, 1, Index{1} << 20);
  // Printed by these models and meaningless: a leftover and a copy of h.
  s.find_whole({"head_dim"}, 0);
  s.find_whole({"qk_head_dim"}, 0);
  s.find_whole({"num_key_value_heads"}, 0);
  a.query_rank = s.find_whole({"q_lora_rank"}).value_or(0);
  a.latent_rank = s.whole({"kv_lora_rank"});
  a.key_width = s.whole({"qk_nope_head_dim"});
  a.rope_width = s.whole({"qk_rope_head_dim"}, 0);
  a.value_width = s.whole({"v_head_dim"});
  a.qkv_bias = s.flag_or(false, {"attention_bias"});
  a.output_bias = a.qkv_bias;
  if (!s.has({"index_n_heads"}) && !s.has({"index_head_dim"})) return a;
  a.index_heads = s.whole({"index_n_heads"});
  a.index_width = s.whole({"index_head_dim"});
  a.index_keys = s.whole({"index_topk"});
  if (a.query_rank == 0)
    s.refuse("q_lora_rank", "a rank, which the indexer needs");
  return a;
}

Mixture read_mixture(Settings& s, Keys hidden) {
  Mixture m;
  m.experts = s.whole({"num_local_experts", "num_experts", "n_routed_experts",
                       "moe_num_experts", "ffn_config.moe_num_experts"},
                      1, Index{1} << 31);
  m.chosen = s.whole({"num_experts_per_tok", "experts_per_token", "moe_k",
                      "moe_top_k", "num_selected_experts",
                      "ffn_config.moe_top_k"},
                     1, m.experts);
  m.hidden = s.whole(hidden);
  return m;
}

void note_unknown_mtp(Settings& s, Model& m) {
  for (const char* key : {"num_nextn_predict_layers", "num_mtp_modules"})
    if (s.find_whole({key}, 0, 1024).value_or(0) > 0)
      m.not_counted.push_back(
          fmt::format("mtp: {} says it is there, its structure is not public",
                      key));
}

std::optional<std::vector<std::string>> read_layer_types(
    Settings& s, Index L, std::initializer_list<std::string_view> known) {
  const auto types = s.texts({"layer_types", "layers_block_type"});
  if (!types) return types;
  const char* key =
      s.has({"layer_types"}) ? "layer_types" : "layers_block_type";
  if (static_cast<Index>(types->size()) != L)
    s.refuse(key, fmt::format("{} words, as num_hidden_layers says, not {}", L,
                              types->size()));
  for (const std::string& type : *types)
    if (std::find(known.begin(), known.end(), type) == known.end())
      s.refuse(key, fmt::format("each one of {}; '{}' is not",
                                fmt::join(known, ", "), type));
  return types;
}

void read_windows(Settings& s, Model& m, bool everywhere) {
  const auto L = static_cast<Index>(m.layers.size());
  const auto types =
      read_layer_types(s, L, {"full_attention", "sliding_attention"});
  const auto window = s.find_whole({"sliding_window"});
  const bool used = s.find_flag({"use_sliding_window"}).value_or(true);
  if (!types && !everywhere) return;
  for (std::size_t i = 0; i < m.layers.size(); i++) {
    const bool windowed =
        types ? types->at(i) == "sliding_attention" : window && used;
    if (!windowed) continue;
    if (!window)
      s.refuse("sliding_window", "a whole number, as layer_types asks for it");
    for (Mixer& mixer : m.layers[i].mixers) mixer.window = *window;
  }
}

}  // namespace moe::accounting
