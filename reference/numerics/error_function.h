// erf, and gelu, which is the same function in other clothes.
#pragma once
#include <cmath>

#include "reference/numerics/exponential.h"
#include "reference/numerics/polynomial.h"
#include "reference/numerics/sigmoid.h"

namespace moe::numerics {

/// Phi(-z) = erfc(z / sqrt 2) / 2 for 0 <= z <= 15, given e = e^(-z^2 / 2).
/// (z + 5) Phi(-z) / e is smooth; a polynomial in t = (z - 5) / (z + 5).
MOE_FN double upper_tail(double z, double e) {
  const double t = (z - 5) / (z + 5);
  const double g = poly(
      t, 0x1.89d3abe1f95aep-1, -0x1.54ad03f27ca19p-1, 0x1.fb31653876f62p-2,
      -0x1.410ed5f875843p-2, 0x1.51f6329f029dep-3, -0x1.1b1c254cae678p-4,
      0x1.54b4d4f3e0d6ap-6, -0x1.88590e808b747p-9, -0x1.a250363d1bcb7p-11,
      0x1.1daf175d76999p-11, -0x1.f21551572b8b4p-15, -0x1.a16f0a37e36e7p-15,
      0x1.17e82d9796f3p-16, 0x1.0b0a381a1c553p-18, -0x1.74e65e1783dd6p-19,
      -0x1.6b8a9725351ep-22, 0x1.e2d69bda2d037p-22, 0x1.ee6fc2db21938p-25,
      -0x1.3ce791f8b07f3p-24, -0x1.eccfa09d87f69p-26, -0x1.ab93c2a5540c1p-29);
  return e * g / (z + 5);
}

/// erf x = 2/sqrt(pi) (integral of e^(-t^2) from 0 to x), correctly rounded.
MOE_FN float erf(float x) {
  const double x64 = x;
  const double magnitude = std::fabs(x64);
  const double small =
      x64 *
      poly(x64 * x64, 0x1.20dd750429b6dp0, -0x1.812746b0379cap-2,
           0x1.ce2f21a041df3p-4, -0x1.b82ce3125647ap-6, 0x1.565bcd07fa605p-8,
           -0x1.c02db2f9c2b97p-11, 0x1.f9a30b576b8cdp-14, -0x1.f4d05fc88779p-17,
           0x1.b9cd79977710dp-20, -0x1.5e94fcc841835p-23, 0x1.f253bae7bd7b4p-27,
           -0x1.290ef2ae1b7c8p-30, 0x1.bcc76750375a2p-35);
  const double sqrt2 = 0x1.6a09e667f3bcdp+0;
  const double b = magnitude > 6 ? 6 : magnitude;  // erf 6 rounds to 1
  const double large = 1 - 2 * upper_tail(b * sqrt2, exp64(-b * b));
  return static_cast<float>(magnitude < 1 ? small : std::copysign(large, x64));
}

/// gelu(x) = x Phi(x) = x/2 (1 + erf(x / sqrt 2)), correctly rounded;
/// gelu(-infinity) = -0.
MOE_FN float gelu(float x) {
  const double magnitude = std::fabs(away_from_zero(x));
  const double z = magnitude > 15 ? 15 : magnitude;
  const double tail = upper_tail(z, exp64(-0.5 * z * z));
  const double y = x * (x > 0 ? 1 - tail : tail);
  return x < -15 ? -0.0f : static_cast<float>(y);
}

}  // namespace moe::numerics
