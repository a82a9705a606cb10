// What all variants share once it is known who goes where: the experts compute their rows, the weighted
// sum brings them back, shared experts are added.
#pragma once
#include <optional>

#include "cuda/shared.h"
#include "reference/dispatch.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A latent space on the device. Immutable; copies share the weights.
struct PreparedLatent {
  PreparedLinear down, up;  ///< [L,D], [D,L]
};
/// Copies a latent space to the device, if there is one.
std::optional<PreparedLatent> prepare(const std::optional<Latent>& latent);
/// The space that was copied, bit for bit.
std::optional<Latent> unpack(const std::optional<PreparedLatent>& prepared);

/// x [T,D]; returns y [T,D]: reference::run_routed. Records latent, dispatched, hidden, expert_out,
/// combined, expanded, shared, output; of these latent and expanded only where there is a latent space.
Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace, const std::optional<PreparedLatent>& latent = {},
                  bool residual = false);

}  // namespace moe::MOE_CUDA_NAMESPACE
