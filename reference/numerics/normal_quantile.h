// The inverse of the normal distribution function: Gaussians from integers.
#pragma once
#include <cmath>
#include <cstdint>

#include "reference/numerics/logarithm.h"
#include "reference/numerics/polynomial.h"

namespace moe::numerics {

/// Phi^-1(1/2 + q) for |q| < 0.425; a rational function of 0.425^2 - q^2
/// (coefficients of Wichura 1988, AS 241).
MOE_FN double central_quantile(double q) {
  const double c = std::fma(-q, q, 0.180625);
  const double numerator =
      poly(c, 0x1.b18d91e9eef75p+1, 0x1.0a489298fbfe7p+7, 0x1.ece5fa32e04f6p+10,
           0x1.ad1dc629a6c95p+13, 0x1.66c42e76f4e2bp+15, 0x1.06c20b748f232p+16,
           0x1.052d8176ef5a3p+15, 0x1.39a31f8f3d01ap+11);
  const double denominator =
      poly(c, 1.0, 0x1.5281bf38f8055p+5, 0x1.579809b7bf694p+9,
           0x1.51234c741be47p+12, 0x1.4b7768e1570cap+14, 0x1.331815cf7ca9ap+15,
           0x1.c0e4e6bfa0410p+14, 0x1.46a86ef9434e1p+12);
  return q * numerator / denominator;
}

/// -Phi^-1(p) for p in [2^-25, 0.075]; a rational function of
/// sqrt(-2 log p) - 2.25.
MOE_FN double tail_quantile(double p) {
  const LogParts parts = log_parts(p);
  const double log_p = log_sum(0, parts.k, parts.m - 1);
  const double r = std::sqrt(-2 * log_p) - 2.25;
  const double numerator =
      poly(r, 0x1.68755b078ad72p+0, 0x1.b7ae99fc7d210p+1, 0x1.a0bd2d6ec6bb0p+1,
           0x1.93185e4eb69aep+0, 0x1.aa99611f308b0p-2, 0x1.e1e9fe833381ap-5,
           0x1.012132310bfabp-8, 0x1.717f5cf2d75a4p-14);
  const double denominator = poly(
      r, 1.0, 0x1.94b17c04e8a5dp+0, 0x1.ff7be4900ec0dp-1, 0x1.43abe1a379be0p-2,
      0x1.a12acc5c8af60p-5, 0x1.e8709aecc6d12p-9, 0x1.7177df60feae0p-14);
  return numerator / denominator;
}

/// The standard normal quantile at the centre of cell u of 2^24 equal cells,
/// Phi^-1((2u + 1) / 2^25), correctly rounded; 0 <= u < 2^24. Values run from
/// -5.42 to 5.42, and u and 2^24 - 1 - u give opposite values.
MOE_FN float normal_quantile(std::uint32_t u) {
  // Probability minus 1/2, exactly.
  const double centre = 0x1p23 - 0.5;
  const double q = (static_cast<std::int32_t>(u) - centre) * 0x1p-24;
  const double central = central_quantile(q);
  const double tail = tail_quantile(0.5 - std::fabs(q));
  return static_cast<float>(std::fabs(q) < 0.425 ? central
                                                 : std::copysign(tail, q));
}

}  // namespace moe::numerics
