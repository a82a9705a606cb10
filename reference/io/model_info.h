// What config.json says about a model's MoE layers.
#pragma once
#include <string>
#include <vector>

#include "reference/presets.h"

namespace moe::io {

/// A model's MoE layers: sizes, choices, and which layers they are.
struct ModelInfo {
  std::string model_type;  ///< "deepseek_v3"
  std::string preset;      ///< row of reference/presets.h the choices build on
  LayerSizes sizes;        ///< E, D, F, K, shared F
  Index identities = 0;    ///< how many of the E experts compute nothing
  Index latent = 0;        ///< L, the width experts see; 0: D
  Index layers = 0;        ///< of the whole model
  std::vector<Index> moe_layers;         ///< ascending
  RouterConfig router;                   ///< its choices
  Activation activation;                 ///< of the experts
  SharedKind shared = SharedKind::none;  ///< beside the routed experts
  std::string storage;  ///< the experts' numbers: "bf16", "f32", "mxfp4", ...
};

/// Reads FOLDER/config.json; `storage` stays empty.
///   Throws Error naming file and key for a model_type that is not known
///   (listing those that are), for values that make no sense (K > E, ...) and
///   for quantised weights other than mxfp4.
ModelInfo read_model_info(const std::string& folder);

}  // namespace moe::io
