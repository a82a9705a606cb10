// What all variants share once it is known who goes where: the experts compute their rows, the weighted
// sum brings them back, shared experts are added.
#pragma once
#include <optional>

#include "cuda/shared.h"
#include "reference/dispatch.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// x [T,D]; returns y [T,D]: reference::run_routed. Records dispatched, hidden, expert_out, combined,
/// shared, output.
Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
