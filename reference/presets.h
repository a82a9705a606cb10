// The models as data: one row each. Adding a model is adding a row.
#pragma once
#include <span>
#include <string_view>

#include "reference/variants.h"

namespace moe {

/// What stands beside the routed experts: SharedJoin, added without a gate or
/// with a sigmoid, or one of the mixtures of both.
enum class SharedKind { none, plain, sigmoid_gated, blended, weighed };

/// One model's choices and published sizes.
struct Preset {
  std::string_view name;   ///< as in `preset=mixtral`
  std::string_view model;  ///< the published model the sizes are of
  RouterConfig router;     ///< with the published K
  bool router_bias = false;  ///< has a bias on the logits
  bool input_norm = false;   ///< reads normalised tokens
  bool expert_scale = false;  ///< weights times a learned scale per expert
  bool unscored = false;      ///< a router without scores
  Activation activation;     ///< of routed and shared experts
  bool expert_biases = false;            ///< in all three products
  SharedKind shared = SharedKind::none;  ///< the shared expert
  std::optional<Capacity> capacity = {};  ///< places per expert, if limited
  SoftNormalisation soft = SoftNormalisation::none;  ///< of variant soft
  /// of variant hierarchical
  SecondGroup second_group = SecondGroup::as_first;
  LayerSizes published;     ///< E, D, F, K, shared F
  Index identities = 0;     ///< how many of the E experts compute nothing
  Index latent = 0;         ///< L, the space experts work in; 0: that of D
  bool residual = false;    ///< adds the token itself
  std::string_view source;  ///< whose definition the row follows
  std::string_view variant = "sparse";  ///< which layer it is a row of
};

/// All rows, in the order of `moe list`: the classics, then today's models.
std::span<const Preset> presets();

/// Rows of the layers that papers from 1991 to 2023 describe.
std::span<const Preset> classic_presets();
/// Rows of layers whose routing draws, looks up or assigns, or thins its slots.
std::span<const Preset> drawn_presets();
/// Rows of released models with softmax routers.
std::span<const Preset> model_presets();
/// Rows of released models that follow DeepSeek.
std::span<const Preset> deepseek_presets();

/// The row of that name; throws Error listing the names if there is none.
const Preset& preset(std::string_view name);

}  // namespace moe
