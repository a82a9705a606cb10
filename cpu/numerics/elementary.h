// The elementary functions over arrays, at the speed of the processor's SIMD and with the
// reference's bits. Instructions are chosen at run time. Where a kernel wants a function in its own
// loop, it takes numerics/elementary-inl.h.
#pragma once
#include <cstdint>
#include <string_view>

#include "reference/numerics/elementary.h"
#include "reference/types.h"

/// The OpenMP and SIMD mirror of the reference.
namespace moe::cpu {

/// y[i] = f(x[i]) for 0 <= i < n. x and y are the same array or do not overlap.
void exp(const float* x, float* y, Index n);
/// y[i] = log x[i].
void log(const float* x, float* y, Index n);
/// y[i] = log(1 + x[i]).
void log1p(const float* x, float* y, Index n);
/// y[i] = log(1 + e^x[i]).
void softplus(const float* x, float* y, Index n);
/// y[i] = 1 / (1 + e^-x[i]).
void sigmoid(const float* x, float* y, Index n);
/// y[i] = x[i] / (1 + e^-x[i]).
void silu(const float* x, float* y, Index n);
/// y[i] = tanh x[i].
void tanh(const float* x, float* y, Index n);
/// y[i] = erf x[i].
void erf(const float* x, float* y, Index n);
/// y[i] = x[i] Phi(x[i]).
void gelu(const float* x, float* y, Index n);
/// The tanh form of gelu.
void gelu_tanh(const float* x, float* y, Index n);
/// y[i] = 1 / sqrt(x[i]).
void rsqrt(const float* x, float* y, Index n);
/// y[i] = the normal quantile at the centre of cell u[i] of 2^24.
void normal_quantile(const std::uint32_t* u, float* y, Index n);

/// Any of them by number, at inputs given as 32 bits each (see numerics::evaluate).
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n);

}  // namespace moe::cpu
