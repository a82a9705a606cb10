// Token choice: every token picks its K experts.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
//
// source: Shazeer et al. 2017 (1701.06538) eq. 1; the shared expert:
// DeepSeekMoE (2401.06066) eq. 9.
#pragma once
#include "reference/batch.h"
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::reference {

/// One token-choice layer; x [T,D], returns y [T,D].
///   Throws Error if the layer or x makes no sense (reference/layer.h).
///   Without a limit on places no token's result depends on which others
///   travel with it.
///   `batch` matters to layers that draw or look token ids up.
Matrix sparse(const SparseLayer& layer, const ConstMatrix& x,
              Trace* trace = nullptr, const Batch& batch = {});

}  // namespace moe::reference
