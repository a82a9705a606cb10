// Numbers and the bits that represent them (IEEE 754 binary32 and binary64).
#pragma once
#include <cstdint>
#include <cstring>

#include "reference/numerics/portable.h"

namespace moe::numerics {

/// The 32 bits of a binary32 number.
MOE_FN std::uint32_t bits(float x) {
  std::uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
/// The 64 bits of a binary64 number.
MOE_FN std::uint64_t bits(double x) {
  std::uint64_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
/// The binary32 number that has these bits.
MOE_FN float from_bits(std::uint32_t u) {
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}
/// The binary64 number that has these bits.
MOE_FN double from_bits(std::uint64_t u) {
  double x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

/// The bits of |x|: as integers they are ordered like the magnitudes.
MOE_FN std::uint32_t magnitude_bits(float x) {
  return bits(x) & 0x7fffffffu;
}

/// Is x not a number? Reads bits, so no compiler flag can change the answer.
MOE_FN bool is_nan(float x) {
  return magnitude_bits(x) > 0x7f800000u;
}

/// The bits of x, with every NaN made the same one. The contract promises
/// that a result is NaN, not which.
MOE_FN std::uint32_t canonical(float x) {
  return is_nan(x) ? 0x7fc00000u : bits(x);
}

/// Equality as the contract means it: the same bits, or NaN and NaN.
/// (-0 is not +0.)
MOE_FN bool same(float a, float b) {
  return canonical(a) == canonical(b);
}

/// Position of x on the line of all binary32 numbers: neighbours differ by 1,
/// both zeros are at 0. Not for NaN.
MOE_FN std::int64_t line_position(float x) {
  const auto magnitude = static_cast<std::int64_t>(magnitude_bits(x));
  return bits(x) >> 31 ? -magnitude : magnitude;
}

/// Number of binary32 steps from a to b (units in the last place): 0 between
/// -0 and +0 and between two NaNs; 2^32 - 1, more than any true distance,
/// between NaN and a number.
MOE_FN std::uint64_t ulp_distance(float a, float b) {
  if (is_nan(a) || is_nan(b)) return is_nan(a) == is_nan(b) ? 0 : 0xffffffffu;
  const std::int64_t steps = line_position(a) - line_position(b);
  return static_cast<std::uint64_t>(steps < 0 ? -steps : steps);
}

}  // namespace moe::numerics
