// What all variants share once it is known who goes where: the experts compute
// their rows, the weighted sum brings them back, shared experts are added.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
#pragma once
#include "reference/dispatch.h"
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::reference {

/// x [T,D]; returns y [T,D]. A token without rows gets exactly +0 from the
/// experts. Records dispatched, hidden, expert_out, combined, shared, output.
Matrix run_routed(const Experts& experts, const std::optional<Shared>& shared,
                  const Routing& routing, const Dispatch& dispatch,
                  const ConstMatrix& x, Trace* trace);

}  // namespace moe::reference
