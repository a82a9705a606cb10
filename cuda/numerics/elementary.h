// The elementary functions as the device computes them: the text of reference/numerics, compiled
// for it. Kernels call the functions directly; this is for proving them.
#pragma once
#include <cstdint>

#include "cuda/namespace.h"
#include "reference/numerics/elementary.h"
#include "reference/types.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// outputs[i] = value of the function at inputs[i], 0 <= i < n (see numerics::evaluate); both
/// arrays are on the host. Throws Error if the device cannot.
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n);

}  // namespace moe::MOE_CUDA_NAMESPACE
