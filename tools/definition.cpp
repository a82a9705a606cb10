#include "tools/definition.h"

#include <mpfr.h>

#include <limits>

namespace moe::definition {
namespace {

constexpr mpfr_rnd_t kNearest = MPFR_RNDN;

// A number of MPFR that frees itself.
class Real {
 public:
  explicit Real(int bits) { mpfr_init2(value_, bits); }
  ~Real() { mpfr_clear(value_); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  operator mpfr_ptr() { return value_; }

 private:
  mpfr_t value_;
};

// y = function(x), error far below 2^-bits |y|; y has bits + 400 bits.
void exact(Function function, float x, Real& y, int bits) {
  Real a(bits + 400), b(bits + 400), c(bits + 400);
  mpfr_set_flt(a, x, kNearest);
  const auto one_plus_exp_minus = [&](mpfr_ptr z) {  // b = 1 + e^-z
    mpfr_neg(b, z, kNearest);
    mpfr_exp(b, b, kNearest);
    mpfr_add_ui(b, b, 1, kNearest);
  };
  switch (function) {
    case Function::exp:
      mpfr_exp(y, a, kNearest);
      break;
    case Function::log:
      mpfr_log(y, a, kNearest);
      break;
    case Function::log1p:
      mpfr_log1p(y, a, kNearest);
      break;
    case Function::softplus:  // max(x, 0) + log1p(e^-|x|)
      mpfr_abs(b, a, kNearest);
      mpfr_neg(b, b, kNearest);
      mpfr_exp(b, b, kNearest);
      mpfr_log1p(y, b, kNearest);
      if (x > 0) mpfr_add(y, y, a, kNearest);
      break;
    case Function::sigmoid:
      one_plus_exp_minus(a);
      mpfr_ui_div(y, 1, b, kNearest);
      break;
    case Function::silu:
      one_plus_exp_minus(a);
      mpfr_div(y, a, b, kNearest);
      break;
    case Function::tanh:
      mpfr_tanh(y, a, kNearest);
      break;
    case Function::erf:
      mpfr_erf(y, a, kNearest);
      break;
    case Function::gelu:  // x erfc(-x / sqrt 2) / 2
      mpfr_sqrt_ui(b, 2, kNearest);
      mpfr_div(b, a, b, kNearest);
      mpfr_neg(b, b, kNearest);
      mpfr_erfc(b, b, kNearest);
      mpfr_mul(y, a, b, kNearest);
      mpfr_div_2ui(y, y, 1, kNearest);
      break;
    case Function::gelu_tanh:  // x / (1 + e^-z), z = sqrt(8/pi) (x + 0.044715 x^3)
      mpfr_sqr(c, a, kNearest);
      mpfr_mul(c, c, a, kNearest);
      mpfr_set_str(b, "0.044715", 10, kNearest);
      mpfr_mul(c, c, b, kNearest);
      mpfr_add(c, c, a, kNearest);
      mpfr_const_pi(b, kNearest);
      mpfr_ui_div(b, 8, b, kNearest);
      mpfr_sqrt(b, b, kNearest);
      mpfr_mul(c, c, b, kNearest);
      one_plus_exp_minus(c);
      mpfr_div(y, a, b, kNearest);
      break;
    case Function::rsqrt:
      mpfr_rec_sqrt(y, a, kNearest);
      break;
    case Function::normal_quantile:
      break;
  }
}

// The value by MPFR alone: more bits until both ends of the error interval round to the same
// number.
float rounded(Function function, float x) {
  const bool gate =
      function == Function::silu || function == Function::gelu || function == Function::gelu_tanh;
  const bool zero_at_zero = gate || function == Function::log1p || function == Function::tanh ||
                            function == Function::erf;
  if (x == 0 && zero_at_zero) return x;
  if (gate && std::fabs(x) < 0x1p-124f) {  // x/2 < f(x) < x/2 + x^2, too close for any precision
    const double half = 0.5 * static_cast<double>(x);
    return static_cast<float>(half + std::fabs(half) * 0x1p-50);
  }
  for (int bits = 100;; bits *= 2) {
    Real y(bits + 400), low(bits + 400), high(bits + 400);
    exact(function, x, y, bits);
    mpfr_div_2ui(low, y, static_cast<unsigned long>(bits), kNearest);
    mpfr_add(high, y, low, MPFR_RNDU);
    mpfr_sub(low, y, low, MPFR_RNDD);
    const float a = mpfr_get_flt(low, kNearest), b = mpfr_get_flt(high, kNearest);
    if (numerics::same(a, b)) return a;
    if (bits > 1000) return mpfr_get_flt(y, kNearest);  // the exact cases: log(1), rsqrt(4), ...
  }
}

// Is Phi(z) > 1/2 + q? q a multiple of 2^-25, 0 < |q| < 1/2; z a binary64 number. Never equal:
// Phi(z) is transcendental.
bool distribution_exceeds(double z, double q) {
  if (z == 0 || (z > 0) != (q > 0)) return z > q;
  const bool negative = z < 0;
  const long double x = std::fabs(z) * 0.707106781186547524400844362104849L, p = std::fabs(q);
  // Both say how far Phi(|z|) lies above 1/2 + |q|; the one without cancellation is taken.
  const bool central = p < 0.25L;
  const long double value = central ? 0.5L * std::erf(x) : 0.5L * std::erfc(x),
                    target = central ? p : 0.5L - p;
  bool above;
  if (std::fabs(value - target) > 0x1p-50L * target) {
    above = (value > target) == central;
  } else {
    Real y(300), root(300);
    mpfr_set_d(y, std::fabs(z), kNearest);
    mpfr_sqrt_ui(root, 2, kNearest);
    mpfr_div(y, y, root, kNearest);
    mpfr_erf(y, y, kNearest);
    mpfr_div_2ui(y, y, 1, kNearest);
    above = mpfr_cmp_d(y, std::fabs(q)) > 0;
  }
  return above != negative;
}

// Walks from the hint to the number whose neighbourhood (the reals that round to it) contains the
// quantile.
float quantile(std::uint32_t u, float hint) {
  const double q = (static_cast<double>(u) - (0x1p23 - 0.5)) * 0x1p-24;
  const float infinity = std::numeric_limits<float>::infinity();
  float y = std::isfinite(hint) ? hint : 0;
  for (;;) {
    const float below = std::nextafter(y, -infinity), above = std::nextafter(y, infinity);
    if (distribution_exceeds((static_cast<double>(below) + y) / 2, q))
      y = below;
    else if (!distribution_exceeds((static_cast<double>(above) + y) / 2, q))
      y = above;
    else
      return y;
  }
}

}  // namespace

float value(Function function, std::uint32_t input, float hint) {
  if (function == Function::normal_quantile) return quantile(input, hint);
  float y;
  return clear_value(function, input, y) ? y : rounded(function, numerics::from_bits(input));
}

bool is_hard(Function function, std::uint32_t input) {
  if (function == Function::normal_quantile) return false;
  const float x = numerics::from_bits(input);
  const double y = approximate(function, x);
  if (!(std::fabs(y) >= 0x1p-126 && std::fabs(y) < 0x1p128) || !near_boundary(y)) return false;
  // The boundary near y is the middle of its binary64 digits' dropped part; how far is the true
  // value from it?
  const std::uint64_t middle = (numerics::bits(y) & ~std::uint64_t{0x1fffffff}) | 0x10000000;
  Real exactly(600), difference(64);
  exact(function, x, exactly, 200);
  mpfr_sub_d(difference, exactly, numerics::from_bits(middle), kNearest);
  mpfr_div(difference, difference, exactly, kNearest);
  return std::fabs(mpfr_get_d(difference, kNearest)) <= 0x1p-50;
}

bool library_is_accurate(Function function, std::uint32_t input) {
  const float x = numerics::from_bits(input);
  if (function == Function::normal_quantile || !std::isfinite(x)) return true;
  const double y = approximate(function, x);
  if (!std::isfinite(y) || std::fabs(y) < 0x1p-160)
    return true;  // rounds to zero, or has no digits to compare
  Real exactly(464), difference(64);
  exact(function, x, exactly, 64);
  if (mpfr_zero_p(static_cast<mpfr_ptr>(exactly))) return y == 0;
  mpfr_sub_d(difference, exactly, y, kNearest);
  mpfr_div(difference, difference, exactly, kNearest);
  return std::fabs(mpfr_get_d(difference, kNearest)) <= 0x1p-44;
}

}  // namespace moe::definition
