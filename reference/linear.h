// y = x W^T + b, the one product everything is made of.
#pragma once
#include "reference/types.h"

namespace moe::reference {

/// y[t,f] = bias[f] + sum over d of x[t,d] w[f,d]
///   x [T,D], w [F,D], bias [F] or empty; returns y [T,F].
///   order: one chain of fused multiply-adds per element, d ascending, from
///   the bias, or from +0 where there is none.
Matrix linear(const ConstMatrix& x, const ConstMatrix& w, const Vector& bias);

/// The chain itself: start + sum over d of a[d] b[d].
///   a, b [size].
float inner_product(const float* a, const float* b, Index size, float start);

}  // namespace moe::reference
