// Soft MoE: slots are mixtures of tokens, outputs are mixtures of slots. The equations are in
// reference/soft.h.
#pragma once
#include "cuda/expert.h"
#include "cuda/linear.h"
#include "reference/variants.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A Soft MoE layer on the device. Immutable: any number of threads may run it at once.
class PreparedSoft {
 public:
  const PreparedLinear& phi() const { return phi_; }  ///< [E*S,D]
  /// phi as it is compared with tokens, computed once; phi itself where nothing is normalised.
  const PreparedLinear& slots() const { return slots_; }
  /// As the bias of a matrix without columns; empty: none.
  const PreparedLinear& token_gamma() const { return token_gamma_; }
  const PreparedLinear& slot_gamma() const { return slot_gamma_; }  ///< likewise
  const PreparedExperts& experts() const { return experts_; }
  /// The layer without its weights: choices, and how many experts there are.
  const SoftLayer& outline() const { return outline_; }

 private:
  friend PreparedSoft prepare(const SoftLayer& layer);
  PreparedSoft() = default;
  PreparedLinear phi_, slots_, token_gamma_, slot_gamma_;
  PreparedExperts experts_;
  SoftLayer outline_;
};

/// Checks the layer (moe::validate) and copies its weights to the device, once for all calls of soft.
/// Throws Error if the layer makes no sense or there is no device.
PreparedSoft prepare(const SoftLayer& layer);

/// The layer that was copied, bit for bit.
SoftLayer unpack(const PreparedSoft& layer);

/// One Soft MoE layer; x [T,D], returns y [T,D]: reference::soft. Throws Error if x makes no sense.
Matrix soft(const PreparedSoft& layer, const ConstMatrix& x, Trace* trace = nullptr);

}  // namespace moe::MOE_CUDA_NAMESPACE
