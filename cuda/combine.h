// The weighted sum of the experts' outputs, back in token order.
#pragma once
#include "cuda/namespace.h"
#include "reference/dispatch.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]]: reference::combine.
///   rows [R,D]; returns y [T,D], recorded as combined.
Matrix combine(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
               Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
