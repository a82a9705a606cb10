// Where each Hugging Face family keeps the tensors of its MoE block: a table.
// Adding a family is adding its rows here and its preset.
#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace moe::io {

/// What a tensor fills. gate_up holds both halves, told apart by the axis "2".
enum class Part {
  router,
  router_bias,
  selection_bias,
  gate,
  up,
  gate_up,
  down,
  gate_up_bias,
  down_bias,
  shared_gate,
  shared_up,
  shared_down,
  shared_router,
  latent_down,
  latent_up
};

/// How the numbers are coded. mxfp4: NAME_blocks holds bytes of two codes,
/// NAME_scales one scale for each 32 of the last axis.
enum class Coding { plain, mxfp4 };

/// One tensor, or one for each expert where the name has "{e}".
struct TensorName {
  Part part;
  std::string_view name;  ///< below the block
  /// reference/io/axes.h; S: the shared expert's F; L: the width that experts
  /// see, D unless there is a latent space
  std::string_view axes;
  Coding coding = Coding::plain;
};

/// One way to store a block: groups of tensors, the router first.
struct Layout {
  std::string_view block;  ///< below the layer, as "mlp."
  std::array<std::span<const TensorName>, 4> tensors;
};

/// F of the shared expert.
enum class SharedWidth {
  none,
  as_routed,               ///< F
  times_n_shared_experts,  ///< F * n_shared_experts, ERNIE's
                           ///< moe_num_shared_experts
  shared_expert_intermediate_size,
  /// F * num_shared_expert; none where use_mixed_mlp_moe is false
  times_num_shared_expert,
  moe_shared_expert_intermediate_size,  ///< none if n_shared_experts is 0
};

/// What config.json's norm_topk_prob means.
enum class NormTopK { not_a_key, default_false, default_true };

/// Which keys of config.json, beside norm_topk_prob, say what is routed how.
enum class RouterKeys {
  plain,
  deepseek,  ///< n_group, topk_group, topk_method, scoring_func,
             ///< routed_scaling_factor
  minimax,   ///< shared_intermediate_size, scoring_func, use_routing_bias
  ernie,     ///< moe_norm_min, use_bias
  longcat,   ///< routed_scaling_factor, zero_expert_num, zero_expert_type
  hunyuan,   ///< norm_topk_prob, group_limited_greedy, moe_drop_tokens
  nemotron,  ///< as deepseek; mlp_bias; the scale is 1 unless said
};

/// Which keys of config.json say which layers have experts.
enum class LayerKeys {
  common,  ///< first_k_dense_replace, moe_layer_freq, decoder_sparse_step,
           ///< interleave_moe_layer_step, mlp_only_layers, moe_layers,
           ///< moe_layer_num_skipped
  ernie,   ///< moe_layer_start_index, moe_layer_end_index, moe_layer_interval
  jamba,   ///< expert_layer_period, expert_layer_offset
  nemotron,  ///< hybrid_override_pattern, layers_block_type
};

/// One family.
struct Family {
  std::string_view model_type;  ///< of config.json
  std::string_view preset;      ///< reference/presets.h
  std::string_view hidden_key;  ///< config key of F
  SharedWidth shared;
  NormTopK norm_topk;
  RouterKeys router_keys;
  std::span<const std::string_view> stems;  ///< of layer "{L}"
  std::span<const Layout> layouts;          ///< the published one first
  LayerKeys layer_keys = LayerKeys::common;
};

/// All families.
std::span<const Family> families();

/// The family of a model_type ("llama4_text" is "llama4"); throws Error
/// starting with `place` and listing the known ones.
const Family& family_of(std::string_view model_type, const std::string& place);

}  // namespace moe::io
