// Sums of binary32 numbers that round nothing.
//
// Every finite binary32 number is a whole multiple of 2^-149 and less than
// 2^277 of them. An integer of 320 bits therefore holds the sum of 2^42
// numbers, whatever their sizes and signs. For comparing sums exactly.
#pragma once
#include <cstdint>

#include "reference/numerics/bits.h"

namespace moe::numerics {

/// An integer in two's complement, in units of 2^-149; lowest limb first.
struct ExactSum {
  std::uint64_t limb[5] = {};  ///< 64 bits each
};

/// a + b.
inline ExactSum operator+(const ExactSum& a, const ExactSum& b) {
  ExactSum sum;
  std::uint64_t carry = 0;
  for (int i = 0; i < 5; i++) {
    const std::uint64_t partial = a.limb[i] + b.limb[i];
    sum.limb[i] = partial + carry;
    carry = (partial < a.limb[i] ? 1 : 0) + (sum.limb[i] < partial ? 1 : 0);
  }
  return sum;
}

/// a - b.
inline ExactSum operator-(const ExactSum& a, const ExactSum& b) {
  ExactSum difference;
  std::uint64_t borrow = 0;
  for (int i = 0; i < 5; i++) {
    const std::uint64_t partial = a.limb[i] - b.limb[i];
    difference.limb[i] = partial - borrow;
    borrow = (a.limb[i] < b.limb[i] ? 1 : 0) + (partial < borrow ? 1 : 0);
  }
  return difference;
}

/// a < b.
inline bool operator<(const ExactSum& a, const ExactSum& b) {
  if (a.limb[4] != b.limb[4])
    return static_cast<std::int64_t>(a.limb[4]) <
           static_cast<std::int64_t>(b.limb[4]);
  for (int i = 3; i > 0; i--)
    if (a.limb[i] != b.limb[i]) return a.limb[i] < b.limb[i];
  return a.limb[0] < b.limb[0];
}

/// a = b.
inline bool operator==(const ExactSum& a, const ExactSum& b) {
  return !(a < b) && !(b < a);
}

/// A finite number, exactly.
inline ExactSum exact(float x) {
  const std::uint32_t magnitude = magnitude_bits(x);
  const std::uint32_t exponent = magnitude >> 23;
  const std::uint64_t fraction = magnitude & 0x7fffffu;
  const std::uint64_t digits = exponent == 0 ? fraction : fraction | 0x800000u;
  const std::uint32_t shift = exponent == 0 ? 0 : exponent - 1;
  const std::uint32_t first = shift / 64;
  const std::uint32_t within = shift % 64;
  ExactSum sum;
  sum.limb[first] = digits << within;
  if (within > 40) sum.limb[first + 1] = digits >> (64 - within);
  return bits(x) >> 31 ? ExactSum{} - sum : sum;
}

}  // namespace moe::numerics
