// The weighted sum of the experts' outputs, back in token order.
#pragma once
#include "reference/dispatch.h"

namespace moe::cpu {

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]]: reference::combine.
///   rows [R,D]; returns y [T,D], recorded as combined.
Matrix combine(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
               Trace* trace, int threads = 0);

/// The same plus the shared experts' outputs (`shared` [T,D], or nullptr where there are none) in
/// one pass. Stores the sum before that addition in `combined` [T,D], unless it is nullptr.
Matrix combine_and_add(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
                       const Matrix* shared, Matrix* combined, int threads);

}  // namespace moe::cpu
