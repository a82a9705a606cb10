// The function between the two products of an expert: the device's reference/activation.cpp.
#pragma once
#include "cuda/device.cuh"
#include "reference/layer.h"
#include "reference/numerics/elementary.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// f(x). All threads of a launch have the same activation, so the switch does not diverge.
__device__ __forceinline__ float nonlinearity(const Activation& activation, float x) {
  switch (activation.function) {
    case Nonlinearity::identity:
      return x;
    case Nonlinearity::relu:
      return x > 0 || x != x ? x : 0.0F;
    case Nonlinearity::relu_squared: {
      const float positive = x > 0 || x != x ? x : 0.0F;
      return __fmul_rn(positive, positive);
    }
    case Nonlinearity::gelu:
      return numerics::gelu(x);
    case Nonlinearity::gelu_tanh:
      return numerics::gelu_tanh(x);
    case Nonlinearity::silu:
      return numerics::silu(x);
    case Nonlinearity::swish:
      return __fmul_rn(x, numerics::sigmoid(__fmul_rn(activation.slope, x)));
  }
  return x;
}

/// hidden = f(min(gate, limit)) * (clamp(up, limit) + up_offset).
__device__ __forceinline__ float gated_activation(const Activation& activation, float gate,
                                                  float up) {
  const float limit = activation.limit;
  const float g = gate > limit ? limit : gate;  // comparisons: CUDA's fminf would drop a NaN
  const float u = up > limit ? limit : up < -limit ? -limit : up;
  const float activated = nonlinearity(activation, g);
  if (activation.up_offset == 0) return __fmul_rn(activated, u);
  return __fmul_rn(activated, __fadd_rn(u, activation.up_offset));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
