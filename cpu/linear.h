// y = x W^T + b.
#pragma once
#include "cpu/panels.h"
#include "reference/types.h"

namespace moe::cpu {

/// Weights and bias, packed.
struct PreparedLinear {
  Panels panels;
  Index outputs = 0;  ///< F
  bool biased = false;
};

/// Packs w [F,D] and bias ([F] or empty).
PreparedLinear prepare(const Matrix& w, const Vector& bias);

/// The weights and the bias that were packed, bit for bit.
void unpack(const PreparedLinear& linear, Matrix& w, Vector& bias);

/// y[t,f] = bias[f] + sum over d of x[t,d] w[f,d]: reference::linear.
///   x [T,D]; returns y [T,F]. Throws Error if x has another width.
Matrix linear(const ConstMatrix& x, const PreparedLinear& w, int threads = 0);

/// y[t,f] = sum over k of a[t,k] b[k,f], for a second factor that only this product uses.
///   a [T,K], b [K,F]; returns y [T,F]: reference::linear of a and b transposed.
///   order: one chain of fused multiply-adds per element, k ascending, from +0.
Matrix product(const ConstMatrix& a, const ConstMatrix& b, int threads = 0);

}  // namespace moe::cpu
