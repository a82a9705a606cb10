// Random numbers as a function of position.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy
// as 1, 2, 3; SC 2011) maps a 128-bit counter and a 64-bit key to 128 random
// bits. The counter comes from the element, never from the thread that happens
// to compute it, so a draw is the same on every tier and in any order of work.
#pragma once
#include <cstdint>

#include "reference/numerics/logarithm.h"
#include "reference/numerics/normal_quantile.h"
#include "reference/numerics/portable.h"

namespace moe::numerics {

/// Four 32-bit words: a counter, or what Philox makes of it.
struct Words {
  std::uint32_t w[4];  ///< least significant first
};

/// Ten rounds of two 32 x 32 -> 64 bit products.
MOE_FN Words philox4x32_10(Words c, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c.w[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * c.w[2];
    c = {{static_cast<std::uint32_t>(b >> 32) ^ c.w[1] ^ k0,
          static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(a >> 32) ^ c.w[3] ^ k1,
          static_cast<std::uint32_t>(a)}};
    k0 += 0x9E3779B9u;  // golden ratio
    k1 += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return c;
}

/// An infinite array of random numbers: one per seed, purpose (router noise,
/// initial weights, ...) and step.
struct Stream {
  std::uint64_t seed = 0;     ///< the key
  std::uint32_t purpose = 0;  ///< what the numbers are for
  std::uint32_t step = 0;     ///< training step, layer, ...
};

/// Element e of the stream as 32 random bits: word e mod 4 of
/// philox({e/4 low, e/4 high, purpose, step}, seed).
MOE_FN std::uint32_t random_word(const Stream& stream, std::uint64_t e) {
  const std::uint64_t block = e / 4;
  const Words counter = {{static_cast<std::uint32_t>(block),
                          static_cast<std::uint32_t>(block >> 32),
                          stream.purpose, stream.step}};
  return philox4x32_10(counter, stream.seed).w[e % 4];
}

/// Element e as a uniform number in [0, 1): a multiple of 2^-24, exactly.
MOE_FN float random_uniform(const Stream& stream, std::uint64_t e) {
  return static_cast<float>(random_word(stream, e) >> 8) * 0x1p-24f;
}

/// Element e as a uniform number in (0, 1): an odd multiple of 2^-24, exactly.
/// Never 0 or 1, so that its logarithm is finite and below 0.
MOE_FN float random_inside(const Stream& stream, std::uint64_t e) {
  const std::uint32_t word = random_word(stream, e) >> 9;
  return static_cast<float>(2 * word + 1) * 0x1p-24f;
}

/// Element e as a standard Gumbel: -log(-log u) of the number u in (0, 1), both
/// logarithms correctly rounded. From -2.82 to 16.64.
MOE_FN float random_gumbel(const Stream& stream, std::uint64_t e) {
  return -log(-log(random_inside(stream, e)));
}

/// Element e as a standard Gaussian: the normal quantile, correctly rounded.
MOE_FN float random_normal(const Stream& stream, std::uint64_t e) {
  return normal_quantile(random_word(stream, e) >> 8);
}

}  // namespace moe::numerics
