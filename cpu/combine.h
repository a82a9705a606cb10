// The weighted sum of the experts' outputs, back in token order.
#pragma once
#include "reference/dispatch.h"

namespace moe::cpu {

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]]: reference::combine.
///   rows [R,D]; returns y [T,D], recorded as combined.
Matrix combine(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
               Trace* trace, int threads = 0);

/// What add_shared and combine_and_add put beside it; nullptr: nothing.
struct Beside {
  const float* shared = nullptr;  ///< [T,D] the shared experts' outputs
  const float* keep = nullptr;    ///< [T] what the sum is multiplied by before
  float* combined = nullptr;      ///< [T,D] where the sum before that goes
};

/// The same and what stands beside the routed experts, in one pass, into y [T,D].
void combine_and_add(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
                     const Beside& beside, float* y, int threads);

/// y = keep y + shared, each step where it is not nullptr.
void add_shared(const Beside& beside, Matrix& y, int threads);

}  // namespace moe::cpu
