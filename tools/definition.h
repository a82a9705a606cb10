// The definition of the elementary functions, computed without the project's own code: by the C
// library in binary64 where that is enough, by MPFR with as many bits as it takes where it is not.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "reference/numerics/elementary.h"

namespace moe::definition {

using numerics::Function;

/// The function in binary64 by the C library, error below 2^-44 relatively. Not for
/// normal_quantile.
inline double approximate(Function function, double x) {
  // In the left tail of a gate the rounding error of the argument is amplified: long double there.
  const long double inv_sqrt2 = 0.707106781186547524400844362104849L;
  const long double two_sqrt_2_over_pi = 1.5957691216057307117597842397375L;
  switch (function) {
    case Function::exp:
      return std::exp(x);
    case Function::log:
      return std::log(x);
    case Function::log1p:
      return std::log1p(x);
    case Function::softplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Function::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Function::silu:
      return x == -INFINITY ? -0.0 : x / (1 + std::exp(-x));
    case Function::tanh:
      return std::tanh(x);
    case Function::erf:
      return std::erf(x);
    case Function::gelu:
      if (x < -30) return -0.0;
      if (x < -1) return static_cast<double>(0.5L * x * std::erfc(-x * inv_sqrt2));
      return 0.5 * x * std::erfc(-x * static_cast<double>(inv_sqrt2));
    case Function::gelu_tanh:
      if (x < -30) return -0.0;
      if (x < -1)
        return static_cast<double>(
            x / (1 + std::exp(-two_sqrt_2_over_pi * (x + 0.044715L * x * x * x))));
      return x /
             (1 + std::exp(-static_cast<double>(two_sqrt_2_over_pi) * (x + 0.044715 * x * x * x)));
    case Function::rsqrt:
      return 1 / std::sqrt(x);
    case Function::normal_quantile:
      break;
  }
  return NAN;
}

/// Is y within 2^-42 |y| of a number where rounding to binary32 changes?
inline bool near_boundary(double y) {
  const double magnitude = std::fabs(y);
  if (magnitude == 0 || !(magnitude < 0x1p128)) return false;
  if (magnitude >= 0x1p-126) {
    // Rounding drops the last 29 bits; it changes where they are 2^28. 2^-42 |y| is at most 2^11
    // units of the last bit.
    const auto dropped = static_cast<std::int64_t>(numerics::bits(magnitude) & 0x1fffffff);
    return std::abs(dropped - 0x10000000) <= 0x800;
  }
  const double nearest_middle = (std::rint(magnitude * 0x1p149 - 0.5) + 0.5) * 0x1p-149;
  return std::fabs(magnitude - nearest_middle) <= 0x1p-42 * magnitude;
}

/// The correctly rounded value at an input, if the C library's value is far enough from every
/// rounding boundary to tell.
/// @returns false where it is not, and for normal_quantile.
inline bool clear_value(Function function, std::uint32_t input, float& value) {
  if (function == Function::normal_quantile) return false;
  const double y = approximate(function, numerics::from_bits(input));
  value = static_cast<float>(y);
  return !near_boundary(y);
}

/// The correctly rounded value at any input, by MPFR where need be.
/// @param hint a value thought to be near; the result does not depend on it
float value(Function function, std::uint32_t input, float hint);

/// A hard case: is the true value a normal binary32 number's worth and within 2^-50 of itself of a
/// rounding boundary?
bool is_hard(Function function, std::uint32_t input);

/// Is the C library's binary64 value at this input within 2^-44 of MPFR's, relatively? (What
/// `clear_value` rests on.)
bool library_is_accurate(Function function, std::uint32_t input);

}  // namespace moe::definition
