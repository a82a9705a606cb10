// Selection as integer work.
//
// Every (score, index) gets a 64-bit key; the keys of one row all differ; the
// selection is the K largest keys, largest first. Any correct algorithm (sort,
// heap, warp shuffles, radix select) then returns the same list.
#pragma once
#include <cstdint>

#include "reference/numerics/bits.h"

namespace moe::numerics {

/// The score's place in the order as an unsigned integer: larger score, larger
/// integer; -0 and +0 equal; every NaN 0, below -infinity.
MOE_FN std::uint32_t score_order(float score) {
  const std::uint32_t sign = 0x80000000u;
  std::uint32_t u = bits(score);
  u = u == sign ? 0 : u;
  // Positive: above all negatives. Negative: larger magnitude, smaller integer.
  const std::uint32_t order = u & sign ? ~u : u | sign;
  return is_nan(score) ? 0 : order;
}

/// Orders by larger score, then by smaller index; NaN after everything, by
/// smaller index.
MOE_FN std::uint64_t top_k_key(float score, std::uint32_t index) {
  return static_cast<std::uint64_t>(score_order(score)) << 32 | ~index;
}

/// The index a key was made of.
MOE_FN std::uint32_t top_k_index(std::uint64_t key) {
  return ~static_cast<std::uint32_t>(key);
}

}  // namespace moe::numerics
