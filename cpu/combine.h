// The weighted sum of the experts' outputs, back in token order.
#pragma once
#include "reference/dispatch.h"

namespace moe::cpu {

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]]: reference::combine.
///   rows [R,D]; returns y [T,D], recorded as combined.
Matrix combine(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
               Trace* trace, int threads = 0);

/// What combine_and_add adds.
struct Beside {
  const Matrix* shared = nullptr;  ///< [T,D] the shared experts' outputs, or nullptr
  const Vector* keep = nullptr;    ///< [T] what the sum is multiplied by before, or nullptr
  Matrix* combined = nullptr;      ///< [T,D] where the sum before that goes, or nullptr
};

/// The same and what stands beside the routed experts, in one pass.
Matrix combine_and_add(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
                       const Beside& beside, int threads);

/// y = keep y + shared, each step where it is not nullptr.
void add_shared(const Beside& beside, Matrix& y, int threads);

}  // namespace moe::cpu
