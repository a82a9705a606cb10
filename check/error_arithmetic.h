// Numbers with a bound on the error of their binary32 counterpart. The rules and constants are
// those of docs/error_bound.md.
#pragma once
#include <cmath>
#include <limits>

#include "reference/layer.h"

namespace moe::check {

/// Half a unit in the last place of 1: the relative error of one rounding to binary32.
inline constexpr double kRoundoff = 0x1p-24;
/// Half the smallest binary32 number: the absolute error of a rounding that underflows.
inline constexpr double kUnderflow = 0x1p-150;
/// From here on rounding to binary32 gives infinity.
inline constexpr double kOverflow = 0x1.ffffffp127;

/// |what binary32 holds - exact value| <= error; `value` is the exact value up to binary64's
/// rounding.
struct Approx {
  double value = 0;
  double error = 0;
  /// Bound on the magnitude of what binary32 holds.
  double size() const { return std::fabs(value) + error; }
};

/// A binary32 number that is known exactly.
inline Approx exactly(float x) {
  return {static_cast<double>(x), 0};
}

/// What one rounding adds to a result whose operands' errors moved it by `moved` from `value`. The
/// result may underflow (products, quotients, functions) or not (sums, differences: those are exact
/// where they are subnormal).
inline Approx rounded(double value, double moved, bool underflows = true) {
  const double size = std::fabs(value) + moved;
  double error = moved + kRoundoff * size + (underflows ? kUnderflow : 0);
  if (!(size + error < kOverflow)) error = std::numeric_limits<double>::infinity();
  return {value, error};
}

Approx add(const Approx& a, const Approx& b);
Approx subtract(const Approx& a, const Approx& b);
Approx multiply(const Approx& a, const Approx& b);
Approx divide(const Approx& a, const Approx& b);
Approx square_root(const Approx& a);
/// One step of a chain: a * b + sum, rounded once.
Approx fused_multiply_add(const Approx& a, const Approx& b, const Approx& sum);

/// Elementary functions, correctly rounded.
Approx sigmoid(const Approx& x);
Approx softplus(const Approx& x);
/// f of the activation, and the whole gated form.
Approx nonlinearity(const Activation& activation, const Approx& x);
Approx gated_activation(const Activation& activation, const Approx& gate, const Approx& up);

}  // namespace moe::check
