// Weights that cost nothing to draw, and that every format holds: whole numbers of 8 bits times a
// power of two are binary32, bf16 and f16 numbers at once, so that all engines run the same layer.
#pragma once
#include <cstdint>

namespace moe::bench {

/// Element i of a matrix, which is one of 2^32; between -2^-5 and 2^-5. peers/torch_peer.py draws
/// the same.
inline float draw(std::uint32_t matrix, std::uint32_t i) {
  std::uint32_t h = i * 0x9e3779b1U ^ matrix * 0x85ebca6bU;
  h = (h ^ h >> 15) * 0xc2b2ae35U;
  h = (h ^ h >> 13) * 0x27d4eb2fU;
  return static_cast<float>(static_cast<std::int32_t>(h >> 24) - 128) * 0x1p-12F;
}

}  // namespace moe::bench
