// The models as data: one row each. Adding a model is adding a row.
#pragma once
#include <span>
#include <string_view>

#include "reference/layer.h"

namespace moe {

/// What stands beside the routed experts.
enum class SharedKind { none, plain, sigmoid_gated };

/// One model's choices and published sizes.
struct Preset {
  std::string_view name;   ///< as in `preset=mixtral`
  std::string_view model;  ///< the published model the sizes are of
  RouterConfig router;     ///< with the published K
  bool router_bias = false;  ///< has a bias on the logits
  Activation activation;     ///< of routed and shared experts
  bool expert_biases = false;            ///< in all three products
  SharedKind shared = SharedKind::none;  ///< the shared expert
  LayerSizes published;     ///< E, D, F, K, shared F
  std::string_view source;  ///< whose definition the row follows
};

/// All rows, in the order of `moe list`.
std::span<const Preset> presets();

/// The row of that name; throws Error listing the names if there is none.
const Preset& preset(std::string_view name);

}  // namespace moe
