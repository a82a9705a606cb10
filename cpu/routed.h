// What all variants share once it is known who goes where: the experts compute their rows, the
// weighted sum brings them back, shared experts are added.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
#pragma once
#include "cpu/shared.h"

namespace moe::cpu {

/// A latent space, packed.
struct PreparedLatent {
  PreparedLinear down, up;  ///< [L,D], [D,L]
};
/// Packs a latent space, if there is one.
std::optional<PreparedLatent> prepare(const std::optional<Latent>& latent);
/// The space that was packed, bit for bit.
std::optional<Latent> unpack(const std::optional<PreparedLatent>& prepared);

}  // namespace moe::cpu

namespace moe::cpu {

/// x [T,D]; returns y [T,D]: reference::run_routed. Routed and shared experts run together, so that
/// neither waits for the other's last task; in a latent space one after the other. Records latent,
/// dispatched, hidden, expert_out, combined, expanded, shared, output, which the kernels write as
/// they go.
Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace, int threads = 0,
                  const std::optional<PreparedLatent>& latent = {}, bool residual = false);

}  // namespace moe::cpu
