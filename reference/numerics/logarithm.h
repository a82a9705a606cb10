// log x, log(1 + x) and softplus.
//
// Some logarithms lie so close to the middle between two binary32 numbers that
// even a correctly rounded binary64 value leads to the wrong one. So the last
// addition is rounded to odd: its error then survives the second rounding.
#pragma once
#include <cmath>

#include "reference/numerics/bits.h"
#include "reference/numerics/exponential.h"
#include "reference/numerics/polynomial.h"

namespace moe::numerics {

/// high + low rounded to odd, |low| <= |high|: the exact sum if it is a
/// binary64 number, otherwise the neighbour whose last bit is 1. Rounded to
/// binary32 it gives what the exact sum would (Boldo and Melquiond 2008).
MOE_FN double sum_to_odd(double high, double low) {
  const double sum = high + low;
  const double error = low - (sum - high);
  const std::uint64_t u = bits(sum);
  const std::uint64_t one = 1;
  const std::uint64_t toward_error = (error > 0) == (sum > 0) ? one : 0 - one;
  // (`||`, because no loop with `|` of conditions vectorises.)
  const bool keep = error == 0 || (u & 1) != 0;
  return from_bits(keep ? u : u + toward_error);
}

/// x = 2^k m with k an integer and m in [sqrt(1/2), sqrt(2)).
struct LogParts {
  double k;  ///< exponent
  double m;  ///< significand
};

/// Takes x apart; x must be positive and normal.
MOE_FN LogParts log_parts(double x) {
  const std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdu;
  const std::uint64_t e = (bits(x) - sqrt_half) & 0xfff0000000000000u;
  // k + 1023 in the low bits of a number in [2^52, 2^53).
  const std::uint64_t biased = (e + bits(1.0)) >> 52;
  const double k = from_bits(biased | bits(0x1p52)) - (0x1p52 + 1023);
  return {k, from_bits(bits(x) - e)};
}

/// a + k ln 2 + log(1 + f), rounded to odd; a >= 0, k an integer,
/// 1 + f in [sqrt(1/2), sqrt(2)). With s = f / (2 + f), z = s^2:
/// log(1 + f) = f - f^2/2 + s (f^2/2 + R(z)), R = (2/3) z + (2/5) z^2 + ...
MOE_FN double log_sum(double a, double k, double f) {
  const double ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45;
  const double h = 0.5 * f * f;
  const double s = f / (2 + f);
  const double z = s * s;
  const double R = z * poly(z, 0x1.5555555555555p-1, 0x1.9999999999d59p-2,
                            0x1.249249242ee18p-2, 0x1.c71c725c5f7a7p-3,
                            0x1.745cdb74cff82p-3, 0x1.3b21594863d46p-3,
                            0x1.0f4a12d8f38c9p-3, 0x1.1023d3f6798a4p-3);
  // The large terms are summed as v + lost, without error.
  const double t = std::fma(k, ln2_high, a);
  const double u = t + f;
  const double v = u - h;
  const double lost = (f - (u - t)) + ((u - v) - h);
  return sum_to_odd(v, lost + std::fma(s, h + R, k * ln2_low));
}

/// log x, correctly rounded; log 0 = -infinity, NaN below 0.
MOE_FN float log(float x) {
  const LogParts parts = log_parts(x);
  double y = log_sum(0, parts.k, parts.m - 1);
  y = x == 0 ? -INFINITY : y;
  y = x < 0 ? NAN : y;
  return x < INFINITY ? static_cast<float>(y) : x;  // +infinity and NaN
}

/// log(1 + x), correctly rounded; -infinity at -1, NaN below, -0 at -0.
MOE_FN float log1p(float x) {
  const double x64 = x;
  const LogParts parts = log_parts(1 + x64);
  double y = log_sum(0, parts.k, parts.k == 0 ? x64 : parts.m - 1);
  y = x == -1 ? -INFINITY : y;
  y = x < -1 ? NAN : y;
  y = x == 0 ? x64 : y;
  return x < INFINITY ? static_cast<float>(y) : x;
}

/// softplus(x) = log(1 + e^x) = max(x, 0) + log(1 + t), t = e^-|x|,
/// correctly rounded.
MOE_FN float softplus(float x) {
  const double x64 = x;
  const double t = exp64(-std::fabs(x64));
  const double sqrt2_minus_1 = 0.41421356237309503;
  const double k = t > sqrt2_minus_1 ? 1 : 0;  // 1 + t = 2^k (1 + f)
  const double f = t > sqrt2_minus_1 ? 0.5 * (t - 1) : t;
  const double y = log_sum(x > 0 ? x64 : 0.0, k, f);
  return x < INFINITY ? static_cast<float>(y) : x;
}

}  // namespace moe::numerics
