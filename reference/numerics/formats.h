// Narrow storage formats. Decoding is exact: a stored weight *is* a binary32
// number. Encoding is one rounding to nearest, ties to even.
#pragma once
#include <cstdint>

#include "reference/numerics/bits.h"

namespace moe::numerics {

/// A binary floating-point format by its number of stored fraction bits and
/// exponent bias. Subnormals as in IEEE 754.
struct FloatFormat {
  int fraction;  ///< stored fraction bits
  int bias;      ///< of the exponent
};
inline constexpr FloatFormat kF16{10, 15};  ///< IEEE binary16
inline constexpr FloatFormat kE4M3{3, 7};   ///< OCP FP8, largest 448
inline constexpr FloatFormat kE5M2{2, 15};  ///< OCP FP8, largest 57344
inline constexpr FloatFormat kE2M1{1, 1};   ///< OCP FP4, largest 6

/// Value of a code without sign. The fields, placed at the top of a binary32
/// number, are off by the difference of the biases: a power of two, and exact
/// for normal and subnormal codes alike. Special codes are the caller's.
MOE_FN float decode_magnitude(FloatFormat format, std::uint32_t code) {
  const auto exponent = static_cast<std::uint32_t>(127 + 127 - format.bias);
  return from_bits(code << (23 - format.fraction)) * from_bits(exponent << 23);
}

/// Code of |x| rounded, as if the exponent had no upper end: codes beyond the
/// largest finite one mean overflow.
MOE_FN std::uint32_t encode_magnitude(FloatFormat format, float x) {
  const int shift = 23 - format.fraction;
  const auto rebias = static_cast<std::uint32_t>(127 - format.bias);
  const std::uint32_t a = magnitude_bits(x);
  // Subnormal code: adding a power of two whose last place is the format's
  // spacing rounds |x| to that spacing and leaves the code in the low bits.
  const std::uint32_t magic = (rebias + 1 + static_cast<std::uint32_t>(shift))
                              << 23;
  const std::uint32_t tiny = bits(from_bits(a) + from_bits(magic)) - magic;
  // Normal code: half the spacing less one, plus one if the code would be odd,
  // carries into the code exactly when x rounds up.
  const std::uint32_t half = 1u << (shift - 1);
  const std::uint32_t rounded = (a + half - 1 + (a >> shift & 1)) >> shift;
  return a < (rebias + 1) << 23 ? tiny : rounded - (rebias << format.fraction);
}

/// bfloat16: the upper half of a binary32 number.
MOE_FN float bf16_decode(std::uint16_t h) {
  return from_bits(static_cast<std::uint32_t>(h) << 16);
}
/// Overflow and subnormals come out right by themselves; NaN becomes 0x7fc0
/// (rounding its bits could carry into the sign: 0x7fffffff would become -0).
MOE_FN std::uint16_t bf16_encode(float x) {
  const std::uint32_t u = bits(x);
  const std::uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
  return static_cast<std::uint16_t>(is_nan(x) ? 0x7fc0 : rounded);
}

/// IEEE binary16.
MOE_FN float f16_decode(std::uint16_t h) {
  const std::uint32_t code = h & 0x7fffu;
  const std::uint32_t special = code << 13 | 0x7f800000u;  // infinity, NaN
  const float v =
      code < 0x7c00 ? decode_magnitude(kF16, code) : from_bits(special);
  return h & 0x8000u ? -v : v;
}
/// Overflow to infinity; NaN becomes 0x7e00.
MOE_FN std::uint16_t f16_encode(float x) {
  const std::uint32_t sign = bits(x) >> 16 & 0x8000u;
  std::uint32_t code = encode_magnitude(kF16, x);
  code = code > 0x7c00 ? 0x7c00 : code;
  return static_cast<std::uint16_t>(is_nan(x) ? 0x7e00 : sign | code);
}

/// OCP E4M3: no infinity; S.1111.111 is NaN.
MOE_FN float e4m3_decode(std::uint8_t b) {
  const std::uint32_t code = b & 0x7fu;
  const float v = code == 0x7f ? from_bits(std::uint32_t{0x7fc00000})
                               : decode_magnitude(kE4M3, code);
  return b & 0x80u ? -v : v;
}
/// Saturates: what is above 448, infinity included, becomes 448. NaN: 0x7f.
MOE_FN std::uint8_t e4m3_encode(float x) {
  const std::uint32_t sign = bits(x) >> 24 & 0x80u;
  std::uint32_t code = encode_magnitude(kE4M3, x);
  code = code > 0x7e ? 0x7e : code;
  return static_cast<std::uint8_t>(is_nan(x) ? 0x7f : sign | code);
}

/// OCP E5M2: as IEEE 754 would have it.
MOE_FN float e5m2_decode(std::uint8_t b) {
  const std::uint32_t code = b & 0x7fu;
  const std::uint32_t special = code << 21 | 0x7f800000u;  // infinity, NaN
  const float v =
      code < 0x7c ? decode_magnitude(kE5M2, code) : from_bits(special);
  return b & 0x80u ? -v : v;
}
/// Overflow to infinity (from 61440 on); NaN becomes 0x7e.
MOE_FN std::uint8_t e5m2_encode(float x) {
  const std::uint32_t sign = bits(x) >> 24 & 0x80u;
  std::uint32_t code = encode_magnitude(kE5M2, x);
  code = code > 0x7c ? 0x7c : code;
  return static_cast<std::uint8_t>(is_nan(x) ? 0x7e : sign | code);
}

/// OCP E2M1, in the low four bits: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and negatives.
MOE_FN float e2m1_decode(std::uint8_t n) {
  const float v = decode_magnitude(kE2M1, n & 7u);
  return n & 8u ? -v : v;
}
/// Saturates at 6. There is no code for NaN: it becomes 6.
MOE_FN std::uint8_t e2m1_encode(float x) {
  const std::uint32_t sign = bits(x) >> 28 & 8u;
  std::uint32_t code = encode_magnitude(kE2M1, x);
  code = code > 7 ? 7 : code;
  return static_cast<std::uint8_t>(is_nan(x) ? 7 : sign | code);
}

/// OCP E8M0, the scale of a block: 2^(e - 127); 0xff is NaN.
MOE_FN float e8m0_decode(std::uint8_t e) {
  const std::uint32_t normal = static_cast<std::uint32_t>(e) << 23;
  const std::uint32_t u = e == 0xff ? 0x7fc00000u : e == 0 ? 0x400000u : normal;
  return from_bits(u);
}

/// MXFP4: E2M1 times the E8M0 scale of its 32 neighbours. Exact, except that
/// it overflows to infinity where the product does (scales 2^126 and 2^127).
MOE_FN float mxfp4_decode(std::uint8_t n, std::uint8_t scale) {
  return e2m1_decode(n) * e8m0_decode(scale);
}
/// NVFP4: E2M1 times the E4M3 scale of its 16 neighbours, exact. The tensor's
/// binary32 factor is one more product, rounded.
MOE_FN float nvfp4_decode(std::uint8_t n, std::uint8_t scale) {
  return e2m1_decode(n) * e4m3_decode(scale);
}
/// Integers with a zero point and a scale, |q - zero| < 2^13: exact when the
/// scale is a bf16 or f16 number and the product is in the normal range of
/// binary32, otherwise one rounding.
MOE_FN float integer_decode(int q, int zero, float scale) {
  return static_cast<float>(q - zero) * scale;
}

}  // namespace moe::numerics
