// Horner's rule in binary64.
#pragma once
#include <cmath>

#include "reference/numerics/portable.h"

namespace moe::numerics {

/// A constant polynomial.
MOE_FN double poly(double, double c0) {
  return c0;
}

/// c0 + c1 x + c2 x^2 + ... by Horner's rule, one rounding per coefficient:
/// fma(fma(fma(cn, x, ...), x, c1), x, c0). A template, not a loop over an
/// array, because compilers vectorise the callers only without inner loops.
template <class... Coefficients>
MOE_FN double poly(double x, double c0, Coefficients... higher) {
  return std::fma(poly(x, higher...), x, c0);
}

}  // namespace moe::numerics
