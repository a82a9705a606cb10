// A model's router and activation: its preset, changed by what config.json
// says. For the sources of this folder only.
#pragma once
#include "reference/io/config_reader.h"
#include "reference/io/hugging_face_names.h"
#include "reference/presets.h"

namespace moe::io {

/// Keys: norm_topk_prob, routed_scaling_factor, n_group, topk_group,
/// topk_method, scoring_func, router_jitter_noise,
/// ffn_config.moe_normalize_expert_weights, and those RouterKeys names.
RouterConfig read_router(const ConfigReader& config, const Family& family,
                         const Preset& preset, const LayerSizes& sizes);

/// Keys: hidden_act, mlp_hidden_act, ffn_config.ffn_act_fn.name, swiglu_limit,
/// swiglu_alpha.
Activation read_activation(const ConfigReader& config, const Preset& preset);

}  // namespace moe::io
