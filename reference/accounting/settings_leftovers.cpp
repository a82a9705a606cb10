// Settings, third part: keys that nobody asked for.
#include <algorithm>
#include <array>

#include "reference/accounting/settings.h"

namespace moe::accounting {
namespace {

using io::Json;
using Words = std::initializer_list<std::string_view>;

bool holds(std::string_view key, Words words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return key.find(word) != std::string_view::npos;
  });
}

// Keys that look like sizes and change no count of this folder.
bool harmless(std::string_view key) {
  static constexpr std::array kNames{
      "max_window_layers",     "n_group",
      "topk_group",            "expert_capacity",
      "qk_head_dim",           "rotary_dim",
      "cla_share_factor",      "dense_list",
      "num_sparse_encoder_layers", "num_sparse_decoder_layers",
      "num_logits_to_keep",    "num_media_embeds",
      "mamba_chunk_size",      "moe_min_capacity",
      "num_expert_group",      "router_group_size",
      "moe_token_dropping",    "encoder_layerdrop",
      "decoder_layerdrop",     "no_rope_layer_interval",
      "mtp_transformer_layers", "num_mtp_modules",
      "num_experts_per_group", "moe_group_size",
      "moe_layer_recompute",   "max_sequence_length",
      "org_vocab_size"};
  return std::find(kNames.begin(), kNames.end(), key) != kNames.end() ||
         holds(key, {"vit_", "vision", "token_id", "_token"});
}

bool looks_like_a_size(std::string_view key, const Json& value) {
  const bool numbers =
      (value.is_number() && value != 0) ||
      (value.is_array() && !value.empty() && value.front().is_number());
  if (numbers && !holds(key, {"factor", "eps", "coef", "multiplier"}))
    return holds(key, {"hidden_size", "intermediate", "expert", "head", "rank",
                       "_dim", "latent", "layers", "ffn", "num_layer",
                       "width", "n_embd", "d_model", "vocab_size", "group"});
  if (value == true)
    return holds(key, {"_bias", "qk_norm", "use_mla", "use_cla"});
  return false;
}

// What the end of a name promises about its value, or "".
std::string_view promised(std::string_view key, const Json& value) {
  const auto ends = [&](Words words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view w) {
      return key.ends_with(w);
    });
  };
  if (value.is_null()) return "";
  static constexpr std::array kFunctions{
      "silu", "swish", "relu", "relu2", "gelu", "gelu_new", "gelu_fast",
      "gelu_pytorch_tanh", "quick_gelu", "sigmoid", "softmax",
      "sqrtsoftplus", "none"};
  if (ends({"_eps", "_theta", "dropout", "_coef", "initializer_range",
            "_scaling_factor", "_multiplier"}) &&
      !value.is_number())
    return "a number";
  if (ends({"use_cache", "_bias", "norm_topk_prob", "output_router_logits",
            "seq_aux"}) &&
      !value.is_boolean())
    return "true or false";
  if (ends({"_token_id"}) && !value.is_number() && !value.is_array())
    return "a number";
  const std::string word = value.is_string() ? value.get<std::string>() : "";
  if (ends({"hidden_act", "scoring_func", "act_fn", "activation_function"}) &&
      std::find(kFunctions.begin(), kFunctions.end(), word) ==
          kFunctions.end())
    return "the name of a function, like silu";
  if (ends({"topk_method", "transformers_version"}) && !value.is_string())
    return "a string";
  if ((key.starts_with("use_") || key.starts_with("is_")) &&
      !value.is_boolean())
    return "true or false";
  if (ends({"rope_scaling", "rope_parameters"}) && !value.is_object())
    return "an object";
  if (key == "max_position_embeddings" && !value.is_number_unsigned())
    return "a whole number";
  return "";
}

}  // namespace

std::vector<std::string> Settings::leftovers() const {
  std::vector<std::string> unused;
  const auto look = [&](const Json& level) {
    for (const auto& [key, value] : level.items()) {
      if (read_.contains(key) || &value == nested_) continue;
      const std::string_view type = promised(key, value);
      if (!type.empty()) refuse(key, type);
      if (!harmless(key) && looks_like_a_size(key, value))
        refuse(key, "no such key: it may change a count, and this model_type "
                    "is not known to have it");
      if (!value.is_object() && !value.is_null()) unused.push_back(key);
    }
  };
  if (nested_ != nullptr) look(*nested_);
  if (nested_ == nullptr) look(file_);
  return unused;
}

}  // namespace moe::accounting
