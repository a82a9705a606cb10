// y = x W^T + b.
#pragma once
#include <memory>

#include "cuda/namespace.h"
#include "reference/types.h"

namespace moe::MOE_CUDA_NAMESPACE {

struct DeviceLinear;

/// Weights and bias on the device. Immutable; copies share them.
struct PreparedLinear {
  std::shared_ptr<const DeviceLinear> device;
};

/// Copies w [F,D] and bias ([F] or empty) to the device.
PreparedLinear prepare(const Matrix& w, const Vector& bias);

/// The weights and the bias that were copied, bit for bit.
void unpack(const PreparedLinear& linear, Matrix& w, Vector& bias);

/// y[t,f] = bias[f] + sum over d of x[t,d] w[f,d]: reference::linear.
///   x [T,D]; returns y [T,F]. Throws Error if x has another width.
Matrix linear(const ConstMatrix& x, const PreparedLinear& w);

}  // namespace moe::MOE_CUDA_NAMESPACE
