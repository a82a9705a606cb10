// What all variants share once it is known who goes where: the experts compute
// their rows, the weighted sum brings them back, shared experts are added.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
//
// Where experts work in a latent space, they see W_down x, and W_up takes the
// sum back. A residual layer adds x in the end.
#pragma once
#include "reference/dispatch.h"
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::reference {

/// x [T,D]; returns y [T,D]. A token without rows gets exactly +0 from the
/// experts. Records latent, dispatched, hidden, expert_out, combined, expanded,
/// shared, output; of these latent [T,L] and expanded [T,D] only where there is
/// a latent space.
Matrix run_routed(const Experts& experts, const std::optional<Shared>& shared,
                  const Routing& routing, const Dispatch& dispatch,
                  const ConstMatrix& x, Trace* trace,
                  const std::optional<Latent>& latent = {},
                  bool residual = false);

}  // namespace moe::reference
