// The other layers of the family, as values, and all of them as one type.
// Each variant's function and equations are in the header of its name.
#pragma once
#include <variant>

#include "reference/layer.h"

namespace moe {

/// Every expert for every token: the classic mixture.
struct DenseLayer {
  Router gate;      ///< of its config: score and scale; nothing is chosen
  Experts experts;  ///< [E]
  std::optional<Shared> shared;  ///< what every token visits besides
  NonFinite nonfinite = NonFinite::refuse;  ///< checked before computing
};

/// Experts choose tokens.
struct ExpertChoiceLayer {
  Matrix router;  ///< [E,D]
  Vector bias;    ///< [E] added to the logits, or empty
  Index places = 1;  ///< C, tokens that an expert takes from each group
  Index group = 0;   ///< tokens it chooses among; 0: the whole batch
  Index most_experts = 0;  ///< b, experts per token at most; 0: no cap
  Experts experts;   ///< [E]
  std::optional<Shared> shared;  ///< what every token visits besides
  NonFinite nonfinite = NonFinite::refuse;  ///< checked before computing
};

/// How Soft MoE makes tokens and slot parameters comparable.
enum class SoftNormalisation {
  none,
  /// x / sqrt(x.x + 1e-6) against scale phi / sqrt(phi.phi + 1e-6); slots mix
  /// the tokens as they came (V-MoE).
  l2,
  /// sqrt(D) gamma x / max(|x|, 1e-12), both; slots mix normalised tokens.
  rms,
};

/// Slots are mixtures of tokens, outputs are mixtures of slots.
struct SoftLayer {
  Matrix phi;       ///< [E*S,D] slot parameters, expert by expert
  Index slots = 1;  ///< S, slots per expert
  Index group = 0;  ///< tokens that mix with each other; 0: the whole batch
  SoftNormalisation normalisation = SoftNormalisation::none;  ///< which
  float scale = 1;      ///< of SoftNormalisation::l2
  Vector token_gamma;   ///< [D] of SoftNormalisation::rms
  Vector slot_gamma;    ///< [D] of SoftNormalisation::rms
  Experts experts;      ///< [E]
  NonFinite nonfinite = NonFinite::refuse;  ///< checked before computing
};

/// What a group of experts that is only second choice gives a token.
enum class SecondGroup {
  as_first,  ///< the same as if it were the first
  /// Only its best expert, in the second slot (Mesh, Tensor2Tensor). A group
  /// is first choice where its weight is above 1/2.
  best_only,
};

/// Two levels: a token picks groups of experts, then experts in each of them.
struct HierarchicalLayer {
  Router outer;  ///< over E1 groups, K1 chosen
  std::optional<Capacity> outer_capacity;  ///< places per group of experts
  std::vector<Router> inner;  ///< [E1] each over E2 experts, K2 chosen
  std::optional<Capacity> inner_capacity;  ///< places per expert
  SecondGroup second_group = SecondGroup::as_first;  ///< see there
  Experts experts;  ///< [E1*E2] group by group
  NonFinite nonfinite = NonFinite::refuse;  ///< checked before computing
};

/// Any layer.
using Layer = std::variant<SparseLayer, DenseLayer, ExpertChoiceLayer,
                           SoftLayer, HierarchicalLayer>;

/// The variant's name: sparse, dense, expert_choice, soft, hierarchical.
std::string_view variant_name(const Layer& layer);
/// D, the width of the layer's tokens.
Index width(const Layer& layer);
/// E, D, F, K, shared F. K is what a token visits: E of dense, K1*K2 of
/// hierarchical; of expert_choice C, tokens per expert; of soft S.
LayerSizes sizes(const Layer& layer);

/// Checks every shape and choice of the layer, and that weights are finite
/// if the layer asks for it. Throws Error naming what is wrong and where.
void validate(const Layer& layer);
/// That of a dense layer.
void validate(const DenseLayer& layer);
/// That of an expert-choice layer.
void validate(const ExpertChoiceLayer& layer);
/// That of a soft layer.
void validate(const SoftLayer& layer);
/// That of a two-level layer.
void validate(const HierarchicalLayer& layer);

/// Checks that x is [T,D] for this layer, that T is made of whole groups, and
/// finiteness. Throws Error.
void validate_input(const Layer& layer, const ConstMatrix& x);
/// That of a dense layer.
void validate_input(const DenseLayer& layer, const ConstMatrix& x);
/// That of an expert-choice layer.
void validate_input(const ExpertChoiceLayer& layer, const ConstMatrix& x);
/// That of a soft layer.
void validate_input(const SoftLayer& layer, const ConstMatrix& x);
/// That of a two-level layer.
void validate_input(const HierarchicalLayer& layer, const ConstMatrix& x);

}  // namespace moe
