// The models as data: one row each. Adding a model is adding a row.
#pragma once
#include <span>
#include <string_view>

#include "reference/variants.h"

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
  std::optional<Capacity> capacity = {};  ///< places per expert, if limited
  SoftNormalisation soft = SoftNormalisation::none;  ///< of variant soft
  /// of variant hierarchical
  SecondGroup second_group = SecondGroup::as_first;
  LayerSizes published;     ///< E, D, F, K, shared F
  std::string_view source;  ///< whose definition the row follows
  std::string_view variant = "sparse";  ///< which layer it is a row of
};

/// All rows, in the order of `moe list`: the classics, then today's models.
std::span<const Preset> presets();

/// Rows of the layers that papers from 1991 to 2023 describe.
std::span<const Preset> classic_presets();
/// Rows of released models with softmax routers.
std::span<const Preset> model_presets();
/// Rows of released models that follow DeepSeek.
std::span<const Preset> deepseek_presets();

/// The row of that name; throws Error listing the names if there is none.
const Preset& preset(std::string_view name);

}  // namespace moe
