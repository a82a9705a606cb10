// The twelve elementary functions: each returns the binary32 number nearest to
// the real value (ties to even), on every machine. This defines them without
// an implementation; the one here evaluates in binary64 and is compared with
// the definition on all 2^32 inputs.
#pragma once
#include <cmath>

#include "reference/numerics/bits.h"
#include "reference/numerics/error_function.h"
#include "reference/numerics/exponential.h"
#include "reference/numerics/logarithm.h"
#include "reference/numerics/normal_quantile.h"
#include "reference/numerics/sigmoid.h"

namespace moe::numerics {

/// 1 / sqrt(x), correctly rounded; NaN below 0.
MOE_FN float rsqrt(float x) {
  return static_cast<float>(1 / std::sqrt(static_cast<double>(x)));
}

/// The elementary functions by number.
enum class Function : int {
  exp,
  log,
  log1p,
  softplus,
  sigmoid,
  silu,
  tanh,
  erf,
  gelu,
  gelu_tanh,
  rsqrt,
  normal_quantile,
};

/// How many there are.
inline constexpr int kFunctions = 12;

/// The value of a function at an input given as 32 bits: those of a binary32
/// number or, for normal_quantile, the integer u.
MOE_FN float evaluate(Function function, std::uint32_t input) {
  const float x = from_bits(input);
  switch (function) {
    case Function::exp:
      return exp(x);
    case Function::log:
      return log(x);
    case Function::log1p:
      return log1p(x);
    case Function::softplus:
      return softplus(x);
    case Function::sigmoid:
      return sigmoid(x);
    case Function::silu:
      return silu(x);
    case Function::tanh:
      return tanh(x);
    case Function::erf:
      return erf(x);
    case Function::gelu:
      return gelu(x);
    case Function::gelu_tanh:
      return gelu_tanh(x);
    case Function::rsqrt:
      return rsqrt(x);
    case Function::normal_quantile:
      return normal_quantile(input);
  }
  return NAN;
}

}  // namespace moe::numerics
