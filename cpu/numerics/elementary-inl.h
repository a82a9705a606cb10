// The elementary functions over arrays, for code that is itself compiled once per instruction set
// (Highway's foreach_target.h). The scalar text of reference/numerics is the only definition: it
// has no branch and no table, so the compiler turns the loop into vector instructions. A kernel
// that has the value at hand anyway calls the scalar function in a loop of its own,
//
//   #pragma omp simd
//   for (Index i = 0; i < n; ++i) h[i] = numerics::silu(gate[i]) * up[i];
//
// which vectorises likewise.

// Highway includes this file once per target.
#if defined(EXACTMOE_CPU_ELEMENTARY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef EXACTMOE_CPU_ELEMENTARY_INL_H
#undef EXACTMOE_CPU_ELEMENTARY_INL_H
#else
#define EXACTMOE_CPU_ELEMENTARY_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "reference/numerics/elementary.h"
#include "reference/types.h"

HWY_BEFORE_NAMESPACE();
namespace moe::cpu::HWY_NAMESPACE {

/// y[i] = value of the function at the i-th of n inputs of 32 bits (binary32 numbers; integers for
/// normal_quantile). Inputs and outputs are the same array or do not overlap.
template <numerics::Function function>
HWY_NOINLINE void apply(const void* inputs, float* y, Index n) {
  const auto* bytes = static_cast<const unsigned char*>(inputs);
  // `simd` promises that no iteration needs another's result, which lets the loop run in place too.
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    std::uint32_t input;
    std::memcpy(&input, bytes + 4 * i, 4);
    y[i] = numerics::evaluate(function, input);
  }
}

}  // namespace moe::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // EXACTMOE_CPU_ELEMENTARY_INL_H
