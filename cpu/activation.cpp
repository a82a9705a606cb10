#include "cpu/activation.h"

#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/activation.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "reference/numerics/elementary.h"

// Plain loops: the functions of numerics/ have no branch and no table, so the compiler turns each
// loop into vector instructions of the target. `simd` promises that no iteration needs another's
// result, which lets a loop run in place.

HWY_BEFORE_NAMESPACE();
namespace moe::cpu::HWY_NAMESPACE {

void relu(const float* x, float* y, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) y[i] = x[i] <= 0 ? 0.0F : x[i];  // NaN stays
}

void relu_squared(const float* x, float* y, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) {
    const float positive = x[i] <= 0 ? 0.0F : x[i];
    y[i] = positive * positive;
  }
}

void gelu(const float* x, float* y, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) y[i] = numerics::gelu(x[i]);
}

void gelu_tanh(const float* x, float* y, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) y[i] = numerics::gelu_tanh(x[i]);
}

void silu(const float* x, float* y, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) y[i] = numerics::silu(x[i]);
}

void swish(const float* x, float* y, Index n, float slope) {
#pragma omp simd
  for (Index i = 0; i < n; i++) y[i] = x[i] * numerics::sigmoid(slope * x[i]);
}

void nonlinearity_here(const Activation& activation, const float* x, float* y, Index n) {
  switch (activation.function) {
    case Nonlinearity::identity:
#pragma omp simd
      for (Index i = 0; i < n; i++) y[i] = x[i];
      return;
    case Nonlinearity::relu:
      return relu(x, y, n);
    case Nonlinearity::relu_squared:
      return relu_squared(x, y, n);
    case Nonlinearity::gelu:
      return gelu(x, y, n);
    case Nonlinearity::gelu_tanh:
      return gelu_tanh(x, y, n);
    case Nonlinearity::silu:
      return silu(x, y, n);
    case Nonlinearity::swish:
      return swish(x, y, n, activation.slope);
  }
}

// The form most models use, in one loop.
void silu_times(const float* gate, const float* up, float* hidden, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) hidden[i] = numerics::silu(gate[i]) * up[i];
}

void clamp_above(const float* x, float* y, Index n, float limit) {
#pragma omp simd
  for (Index i = 0; i < n; i++) y[i] = x[i] > limit ? limit : x[i];
}

// hidden = activated * (clamp(up) + offset), the sum only if there is an offset.
void times_up(const Activation& activation, const float* activated, const float* up, float* hidden,
              Index n) {
  const float limit = activation.limit;
  const float offset = activation.up_offset;
  if (offset == 0) {
#pragma omp simd
    for (Index i = 0; i < n; i++) {
      const float u = up[i] > limit ? limit : up[i] < -limit ? -limit : up[i];
      hidden[i] = activated[i] * u;
    }
    return;
  }
#pragma omp simd
  for (Index i = 0; i < n; i++) {
    const float u = up[i] > limit ? limit : up[i] < -limit ? -limit : up[i];
    const float shifted = u + offset;
    hidden[i] = activated[i] * shifted;
  }
}

void gated_activation_here(const Activation& activation, const float* gate, const float* up,
                           float* hidden, Index n) {
  const bool plain =
      activation.limit == std::numeric_limits<float>::infinity() && activation.up_offset == 0;
  if (plain && activation.function == Nonlinearity::silu) return silu_times(gate, up, hidden, n);
  // A stretch at a time, in between in the first-level cache.
  constexpr Index stretch = 256;
  alignas(64) float activated[stretch];
  for (Index i = 0; i < n; i += stretch) {
    const Index m = n - i < stretch ? n - i : stretch;
    clamp_above(gate + i, activated, m, activation.limit);
    nonlinearity_here(activation, activated, activated, m);
    times_up(activation, activated, up + i, hidden + i, m);
  }
}

}  // namespace moe::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::cpu {
namespace {

HWY_EXPORT(nonlinearity_here);
HWY_EXPORT(gated_activation_here);

}  // namespace

void nonlinearity(const Activation& activation, const float* x, float* y, Index n) {
  HWY_DYNAMIC_DISPATCH(nonlinearity_here)(activation, x, y, n);
}

void gated_activation(const Activation& activation, const float* gate, const float* up,
                      float* hidden, Index n) {
  HWY_DYNAMIC_DISPATCH(gated_activation_here)(activation, gate, up, hidden, n);
}

}  // namespace moe::cpu
#endif  // HWY_ONCE
