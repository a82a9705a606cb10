// Finds out, at run time, whether the numerics contract can hold here: a build
// with the wrong flags, or a thread whose floating-point mode somebody changed
// (linking one object made with -ffast-math is enough).
//
// The mode belongs to the thread: call it once in every worker thread. It
// judges the translation unit it is compiled in, hence `static`: each unit has
// its own copy. Operands are volatile, so the compiler cannot fold the answers.
#pragma once
#include <cfloat>
#include <cmath>
#include <string>

#include "reference/error.h"
#include "reference/numerics/bits.h"

namespace moe::numerics {

/// What can be wrong. A set of violations is their sum.
enum Violation : unsigned {
  kFlushesResults = 1,     ///< subnormal results become zero (FTZ)
  kFlushesInputs = 2,      ///< subnormal operands are read as zero (DAZ)
  kRounding = 4,           ///< not to nearest, ties to even
  kContracts = 8,          ///< a * b + c is fused though written apart
  kFma = 16,               ///< std::fma rounds more than once
  kExcessPrecision = 32,   ///< results wider than their type (x87)
  kReassociates = 64,      ///< sums are regrouped
  kIgnoresSpecials = 128,  ///< NaN, infinity, sign of zero optimised away
  kDivSqrt = 256,          ///< division, square root or narrowing inexact
};

/// The violations in words: what is wrong, and the usual cause.
std::string describe_violations(unsigned violations);

namespace self_check_detail {

// Compares bits: comparing numbers is itself subject to DAZ and -ffast-math.
static inline bool is(float x, float y) {
  return bits(x) == bits(y);
}

static inline unsigned subnormals() {
  volatile float zero = 0, tiny = 0x1p-100f, smaller = 0x1p-40f;
  volatile double narrow_me = 0x1p-140, dtiny = 0x1p-1000, dsmaller = 0x1p-60;
  volatile float product = tiny * smaller;
  volatile float fused = std::fma(tiny, smaller, zero);
  volatile float narrowed = static_cast<float>(narrow_me);
  volatile double dproduct = dtiny * dsmaller;
  const bool results = is(product, 0x1p-140f) && is(fused, 0x1p-140f) &&
                       is(narrowed, 0x1p-140f) && bits(double(dproduct)) != 0;
  volatile float subnormal = 0x1p-140f, large = 0x1p100f;
  volatile float scaled = subnormal * large;
  volatile double widened = subnormal;
  const bool inputs =
      is(scaled, 0x1p-40f) && bits(double(widened)) == bits(0x1p-140);
  return (results ? 0u : kFlushesResults) | (inputs ? 0u : kFlushesInputs);
}

static inline unsigned rounding() {
  volatile float one = 1, ulp = 0x1p-23f, half_ulp = 0x1p-24f, odd = 0x1.8p-24f;
  volatile float tie_down = one + half_ulp;
  volatile float tie_up = (one + ulp) + half_ulp;
  volatile float negative = -one - odd;
  const bool nearest = is(tie_down, 1) && is(tie_up, 1 + 0x1p-22f) &&
                       is(negative, -1 - 0x1p-23f);
  return nearest ? 0u : kRounding;
}

// (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24, and 0 if the product is rounded first.
// Once with scalars, once in a loop that vectorises.
static inline unsigned contraction() {
  volatile float a = 1 + 0x1p-12f, c = -(1 + 0x1p-11f);
  const float factor = a, term = c;
  volatile float separate = factor * factor + term;
  float x[16], y[16], z[16];
  for (int i = 0; i < 16; ++i) x[i] = a;
  for (int i = 0; i < 16; ++i) y[i] = c;
  for (int i = 0; i < 16; ++i) z[i] = x[i] * x[i] + y[i];
  volatile float from_loop = z[7];
  return is(separate, 0) && is(from_loop, 0) ? 0u : kContracts;
}

// std::fma of volatile operands.
static inline float fused(float a, float b, float c) {
  volatile float x = a, y = b, z = c;
  return std::fma(x, y, z);
}

static inline unsigned fma() {
  bool exact = is(fused(1 + 0x1p-12f, 1 + 0x1p-12f, -(1 + 0x1p-11f)), 0x1p-24f);
  // A product 2^-70 short of half an ulp: wrong if computed in binary64 and
  // rounded again.
  const float p = 0x1.000002p0f;
  exact = exact && is(fused(p, 0x1.fffffcp-25f, p), p);
  // Operands on which library functions are known to be wrong: musl (subnormal
  // result; not judged where subnormals are flushed anyway), BSD, Microsoft.
  exact = exact && (subnormals() != 0 ||
                    is(fused(-0x1.001p-81f, 0x1.ffe002p-70f, 0x1.0002p-133f),
                       0x1.0001p-133f));
  exact = exact &&
          is(fused(0.9474001f, 4.639901e-7f, -0.24325085f), -0x1.f22d46p-3f);
  exact = exact && is(fused(-1.9369631e13f, 2.1513551e-7f, -1.7354427e-24f),
                      -4.16709575e6f);
  volatile double q = 1 + 0x1p-52, r = (1 - 0x1p-52) * 0x1p-53;
  volatile double double_fused = std::fma(q, r, q);
  exact = exact && bits(double(double_fused)) == bits(1 + 0x1p-52);
  return exact ? 0u : kFma;
}

static inline unsigned order_of_sums() {
  volatile double done = 1, dbig = 0x1p53;
  volatile double stored = dbig + done;
  volatile double there_and_back = (dbig + done) - dbig;
  volatile float one = 1, big = 0x1p24f;
  volatile float absorbed = (big + one) - big;
  const bool narrow = FLT_EVAL_METHOD == 0 && is(absorbed, 0) &&
                      stored - dbig == 0 && there_and_back == 0;
  // 2^24 + 1 + 1 + ... in order is 2^24; any other grouping gives more.
  float x[16], sum = 0;
  for (int i = 0; i < 16; ++i) x[i] = i == 0 ? big : one;
  for (int i = 0; i < 16; ++i) sum = sum + x[i];
  volatile float in_order = sum;
  return (narrow ? 0u : kExcessPrecision | kReassociates) |
         (is(in_order, 0x1p24f) ? 0u : unsigned{kReassociates});
}

static inline unsigned specials() {
  volatile float zero = 0, one = 1;
  const float nan = zero / zero;
  volatile float minus_zero = -one * zero;
  volatile float sum_of_zeros = minus_zero + zero;
  const bool kept =
      nan != nan && is(minus_zero, -0.0f) && is(sum_of_zeros, 0.0f);
  return kept ? 0u : kIgnoresSpecials;
}

static inline unsigned division() {
  volatile float one = 1, two = 2, three = 3;
  volatile double above_tie = 1 + 0x1p-24 + 0x1p-52;
  volatile float third = one / three, root = std::sqrt(two);
  volatile float narrowed = static_cast<float>(above_tie);
  const bool exact = is(third, 0x1.555556p-2f) && is(root, 0x1.6a09e6p0f) &&
                     is(narrowed, 1 + 0x1p-23f);
  return exact ? 0u : kDivSqrt;
}

}  // namespace self_check_detail

/// The set of violations in this translation unit and thread; 0 is good.
/// Takes about 0.1 microseconds.
static inline unsigned self_check() {
  using namespace self_check_detail;
  return subnormals() | rounding() | contraction() | fma() | order_of_sums() |
         specials() | division();
}

/// Throws Error naming the place and what is wrong, if anything is.
static inline void require_exact_arithmetic(const char* place) {
  const unsigned violations = self_check();
  if (violations != 0)
    throw Error(std::string(place) + ": expected exact binary32 arithmetic; " +
                describe_violations(violations));
}

}  // namespace moe::numerics
