// Experts choose tokens: each takes the C tokens of a group that score best. The equations are in
// reference/expert_choice.h.
#pragma once
#include <optional>

#include "cuda/linear.h"
#include "cuda/shared.h"
#include "reference/variants.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// An expert-choice layer on the device. Immutable: any number of threads may run it at once.
class PreparedExpertChoice {
 public:
  const PreparedLinear& router() const { return router_; }
  const PreparedExperts& experts() const { return experts_; }
  const std::optional<PreparedShared>& shared() const { return shared_; }
  /// The layer without its weights: choices and sizes, all that checking an input needs.
  const ExpertChoiceLayer& outline() const { return outline_; }

 private:
  friend PreparedExpertChoice prepare(const ExpertChoiceLayer& layer);
  PreparedExpertChoice() = default;
  PreparedLinear router_;
  PreparedExperts experts_;
  std::optional<PreparedShared> shared_;
  ExpertChoiceLayer outline_;
};

/// Checks the layer (moe::validate) and copies its weights to the device, once for all calls of
/// expert_choice. Throws Error if the layer makes no sense or there is no device.
PreparedExpertChoice prepare(const ExpertChoiceLayer& layer);

/// The layer that was copied, bit for bit.
ExpertChoiceLayer unpack(const PreparedExpertChoice& layer);

/// One expert-choice layer; x [T,D], returns y [T,D]: reference::expert_choice. Throws Error if x makes
/// no sense.
Matrix expert_choice(const PreparedExpertChoice& layer, const ConstMatrix& x,
                     Trace* trace = nullptr);

}  // namespace moe::MOE_CUDA_NAMESPACE
