// The weighted sum of the experts' outputs, back in token order.
#pragma once
#include "reference/dispatch.h"
#include "reference/trace.h"

namespace moe::reference {

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]]
///   rows [R,D]; returns y [T,D], recorded as combined.
///   order: one chain of fused multiply-adds per element, k ascending (best
///   slot first), from +0. Weights that acted on the input count as 1 here.
Matrix combine(const Dispatch& dispatch, const Routing& routing,
               const ConstMatrix& rows, Trace* trace);

}  // namespace moe::reference
