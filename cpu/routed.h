// What all variants share once it is known who goes where: the experts compute their rows, the
// weighted sum brings them back, shared experts are added.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
#pragma once
#include "cpu/shared.h"

namespace moe::cpu {

/// x [T,D]; returns y [T,D]: reference::run_routed. Routed and shared experts run together, so that
/// neither waits for the other's last task. Records dispatched, hidden, expert_out, combined,
/// shared, output, which the kernels write as they go.
Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace, int threads = 0);

}  // namespace moe::cpu
