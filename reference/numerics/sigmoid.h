// The logistic function and what is made of it: sigmoid, silu, tanh, and the
// tanh form of gelu.
//
// Each is one function of x, rounded once: silu(x) is not x * sigmoid(x), which
// would round twice and differ on 3.5 % of all inputs.
#pragma once
#include <cmath>

#include "reference/numerics/exponential.h"

namespace moe::numerics {

/// x, but at least 2^-50 in magnitude. For gates x S(x) with S(0) = 1/2: for
/// tiny x the true value x/2 + c x^2 lies just above x/2, which is a tie when
/// x is an odd subnormal. With S taken at 2^-50 or more the product stays off
/// the tie, on the right side.
MOE_FN double away_from_zero(double x) {
  const double magnitude = std::fabs(x);
  return std::copysign(magnitude < 0x1p-50 ? 0x1p-50 : magnitude, x);
}

/// sigmoid(x) = 1 / (1 + e^-x), correctly rounded.
MOE_FN float sigmoid(float x) {
  // 1/2 + x/4 - x^3/48 is almost a tie at multiples of 2^-23: there, lean one
  // binary64 step towards 1/2.
  double one = x > 0 ? 1 - 0x1p-53 : 1 + 0x1p-52;
  one = std::fabs(x) > 0x1p-8f ? 1 : one;
  return static_cast<float>(one / (1 + exp64(-static_cast<double>(x))));
}

/// silu(x) = x / (1 + e^-x), correctly rounded; silu(-infinity) = -0.
MOE_FN float silu(float x) {
  const double y = x / (1 + exp64(-away_from_zero(x)));
  return x == -INFINITY ? -0.0f : static_cast<float>(y);
}

/// tanh x = t / (t + 2), t = e^2x - 1, correctly rounded.
MOE_FN float tanh(float x) {
  const double t = expm1_64(2 * std::fabs(static_cast<double>(x)));
  const auto y = static_cast<float>(t / (t + 2));
  return std::copysign(std::fabs(x) > 20 ? 1.0f : y, x);
}

/// gelu_tanh(x) = x/2 (1 + tanh z) = x / (1 + e^-2z), correctly rounded,
/// z = sqrt(2/pi) (x + 0.044715 x^3); gelu_tanh(-infinity) = -0.
MOE_FN float gelu_tanh(float x) {
  const double a = away_from_zero(x);
  const double c1 = 0x1.9884533d43651p+0;  // 2 sqrt(2/pi)
  const double c3 = 0x1.2444f2a4d8b4bp-4;  // 0.044715 * 2 sqrt(2/pi)
  const double two_z = a * std::fma(c3, a * a, c1);
  // One input lies 2^-52 from a tie, too close for binary64.
  const double nudge = x == -0x1.6148dep-16f ? 1 + 0x1p-51 : 1;
  const double y = x * nudge / (1 + exp64(-two_z));
  return x == -INFINITY ? -0.0f : static_cast<float>(y);
}

}  // namespace moe::numerics
