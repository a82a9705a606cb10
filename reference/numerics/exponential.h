// e^x.
//
// As everywhere in numerics/: evaluate in binary64 with explicit fused
// multiply-adds, round once to binary32. No table and no branch, so loops
// vectorise. That every result is the correctly rounded one is not argued but
// tested, on all 2^32 inputs (docs/results/exhaustive.md).
#pragma once
#include "reference/numerics/bits.h"
#include "reference/numerics/polynomial.h"

namespace moe::numerics {

/// e^x = scale (1 + p), scale a power of two, |p| <= 0.42.
struct ExpParts {
  double scale;  ///< 2^n
  double p;      ///< e^x / scale - 1
};

/// x = n ln 2 + r with n an integer and |r| <= ln(2)/2; then scale = 2^n and
/// p = e^r - 1 = r + r^2 q(r). x is clamped to [-708, 708], where binary64
/// neither overflows nor underflows.
MOE_FN ExpParts exp_parts(double x) {
  // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
  const double shift = 0x1.8p52;
  const double one_over_ln2 = 0x1.71547652b82fep+0;
  const double ln2_high = 0x1.62e42fefa39efp-1, ln2_low = 0x1.abc9e3b39803fp-56;
  x = x < -708 ? -708 : x;
  x = x > 708 ? 708 : x;
  double n = std::fma(x, one_over_ln2, shift);
  const double scale = from_bits((bits(n) << 52) + bits(1.0));
  n -= shift;
  const double r = std::fma(n, -ln2_low, std::fma(n, -ln2_high, x));
  const double q =
      poly(r, 0x1.000000000000bp-1, 0x1.5555555555511p-3, 0x1.555555555029dp-5,
           0x1.1111111122324p-7, 0x1.6c16c1852cdf4p-10, 0x1.a01a0147627b5p-13,
           0x1.a01997c3ddb0ep-16, 0x1.71dee61dbbd3dp-19, 0x1.28af44e06fac8p-22,
           0x1.ade16b0d7daaep-26);
  return {scale, r + r * r * q};
}

/// e^x in binary64, error below 1.27 ulp; x is clamped to [-708, 708].
MOE_FN double exp64(double x) {
  const ExpParts e = exp_parts(x);
  return e.scale * (1 + e.p);
}

/// e^x - 1 in binary64; x is clamped to [-708, 708].
MOE_FN double expm1_64(double x) {
  const ExpParts e = exp_parts(x);
  return std::fma(e.scale, e.p, e.scale - 1);
}

/// e^x, correctly rounded.
MOE_FN float exp(float x) {
  return static_cast<float>(exp64(x));
}

}  // namespace moe::numerics
