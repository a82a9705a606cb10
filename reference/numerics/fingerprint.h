// Numbers that stand for many numbers.
//
// Both are sums of well-mixed 64-bit words, modulo 2^64: addition commutes, so
// threads and GPU blocks may add in any order and get the same number.
#pragma once
#include <cstdint>
#include <span>

#include "reference/numerics/bits.h"

namespace moe::numerics {

/// A bijection of 64-bit words whose every output bit depends on every input
/// bit (Stafford's variant 13, the finaliser of splitmix64).
MOE_FN std::uint64_t mix(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/// Term of a function's checksum: y is the value at the 32-bit input. The
/// checksum is the sum of the terms over all inputs.
MOE_FN std::uint64_t checksum_term(std::uint32_t input, float y) {
  return mix(static_cast<std::uint64_t>(input) << 32 | canonical(y));
}

/// Term of an array's fingerprint: element `index` has these (canonical) bits.
MOE_FN std::uint64_t fingerprint_term(std::uint64_t index, std::uint32_t u) {
  return mix(mix(index + 0x9e3779b97f4a7c15u) + u);
}

/// 64 bits that change when any element, its place, or the size changes.
/// All NaNs count as one. Called `hash` in JSON.
inline std::uint64_t fingerprint(std::span<const float> values) {
  std::uint64_t sum = mix(values.size() + 1);
  for (std::uint64_t i = 0; i < values.size(); ++i)
    sum += fingerprint_term(i, canonical(values[i]));
  return sum;
}
/// The same for integers (chosen experts, positions).
inline std::uint64_t fingerprint(std::span<const std::int32_t> values) {
  std::uint64_t sum = mix(values.size() + 1);
  for (std::uint64_t i = 0; i < values.size(); ++i)
    sum += fingerprint_term(i, static_cast<std::uint32_t>(values[i]));
  return sum;
}

}  // namespace moe::numerics
