// The storage formats, against their definition: every code decodes to the number its fields say;
// encoding takes the nearest code, ties to even, found by search among all codes in binary64.
#include "reference/numerics/formats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "reference/numerics/fingerprint.h"

namespace moe::numerics {
namespace {

// One format by its layout, with this project's functions for it.
struct Format {
  const char* name;
  int fraction, exponent, bias;  // bits, bits, offset
  std::uint32_t largest;         // code of the largest finite number
  bool infinite;                 // is the code after it infinity?
  std::function<float(std::uint32_t)> decode;
  std::function<std::uint32_t(float)> encode;
  std::uint32_t sign() const { return 1u << (fraction + exponent); }
};

const Format kFormats[] = {
    {"bf16", 7, 8, 127, 0x7f7f, true,
     [](std::uint32_t c) { return bf16_decode(static_cast<std::uint16_t>(c)); },
     [](float x) -> std::uint32_t { return bf16_encode(x); }},
    {"f16", 10, 5, 15, 0x7bff, true,
     [](std::uint32_t c) { return f16_decode(static_cast<std::uint16_t>(c)); },
     [](float x) -> std::uint32_t { return f16_encode(x); }},
    {"e4m3", 3, 4, 7, 0x7e, false,
     [](std::uint32_t c) { return e4m3_decode(static_cast<std::uint8_t>(c)); },
     [](float x) -> std::uint32_t { return e4m3_encode(x); }},
    {"e5m2", 2, 5, 15, 0x7b, true,
     [](std::uint32_t c) { return e5m2_decode(static_cast<std::uint8_t>(c)); },
     [](float x) -> std::uint32_t { return e5m2_encode(x); }},
    {"e2m1", 1, 2, 1, 0x7, false,
     [](std::uint32_t c) { return e2m1_decode(static_cast<std::uint8_t>(c)); },
     [](float x) -> std::uint32_t { return e2m1_encode(x); }},
};

// The number that the fields of a finite code without sign say.
double number(const Format& f, std::uint32_t code) {
  const auto exponent = static_cast<int>(code >> f.fraction);
  const double fraction = std::ldexp(code & ((1u << f.fraction) - 1), -f.fraction);
  return exponent == 0 ? std::ldexp(fraction, 1 - f.bias)
                       : std::ldexp(1 + fraction, exponent - f.bias);
}

TEST(Formats, EveryCodeDecodesToWhatItsFieldsSay) {
  for (const Format& f : kFormats) {
    for (std::uint32_t code = 0; code < f.sign(); ++code) {
      for (const bool negative : {false, true}) {
        const float x = f.decode(negative ? code | f.sign() : code);
        const std::string where =
            std::string(f.name) + " code " + std::to_string(code) + (negative ? ", negative" : "");
        if (code <= f.largest) {
          ASSERT_EQ(static_cast<double>(x), negative ? -number(f, code) : number(f, code)) << where;
          ASSERT_EQ(std::signbit(x), negative) << where;
        } else if (f.infinite && code == f.largest + 1) {
          ASSERT_EQ(x, negative ? -INFINITY : INFINITY) << where;
        } else {
          ASSERT_TRUE(is_nan(x)) << where;
        }
      }
    }
  }
}

TEST(Formats, EncodingADecodedNumberReturnsItsCode) {
  for (const Format& f : kFormats)
    for (std::uint32_t code = 0; code < 2 * f.sign(); ++code) {
      const float x = f.decode(code);
      if (is_nan(x)) continue;
      ASSERT_EQ(f.encode(x), code) << f.name;
    }
}

TEST(Formats, EncodingNan) {
  for (const std::uint32_t u :
       {0x7fc00000u, 0xffc00000u, 0x7fffffffu, 0xffffffffu, 0x7f800001u, 0xff800001u}) {
    EXPECT_EQ(bf16_encode(from_bits(u)), 0x7fc0);
    EXPECT_EQ(f16_encode(from_bits(u)), 0x7e00);
    EXPECT_EQ(e4m3_encode(from_bits(u)), 0x7f);
    EXPECT_EQ(e5m2_encode(from_bits(u)), 0x7e);
    EXPECT_EQ(e2m1_encode(from_bits(u)), 7);
  }
}

// Nearest code, ties to the even one; numbers[c] ascending, followed by the number the format would
// have next.
std::uint32_t nearest(const Format& f, const std::vector<double>& numbers, double x) {
  const auto above = static_cast<std::uint32_t>(
      std::upper_bound(numbers.begin(), numbers.end(), x) - numbers.begin());
  if (above == numbers.size()) return f.infinite ? f.largest + 1 : f.largest;
  const std::uint32_t low = above - 1;
  const double down = x - numbers[low], up = numbers[above] - x;
  const std::uint32_t code = down < up || (down == up && low % 2 == 0) ? low : above;
  return code > f.largest && !f.infinite ? f.largest : code;
}

TEST(Formats, EncodingTakesTheNearestCode) {
  for (const Format& f : kFormats) {
    std::vector<double> numbers;
    for (std::uint32_t code = 0; code <= f.largest + 1; ++code) numbers.push_back(number(f, code));
    const auto check = [&](std::uint32_t u) {
      const float x = from_bits(u & 0x7fffffff);
      if (is_nan(x)) return;
      const std::uint32_t expected = nearest(f, numbers, x);
      ASSERT_EQ(f.encode(x), expected) << f.name << std::hex << ' ' << u;
      ASSERT_EQ(f.encode(-x), expected | f.sign()) << f.name << std::hex << ' ' << u;
    };
    for (std::uint64_t u = 0; u <= 0x7f800000u; u += 4099) check(static_cast<std::uint32_t>(u));
    for (std::uint32_t u = 0; u < 300; ++u) check(u);
    // Every number of the format and every middle between two, and their neighbours.
    for (std::size_t code = 0; code + 1 < numbers.size(); ++code)
      for (const double centre : {numbers[code], (numbers[code] + numbers[code + 1]) / 2}) {
        const std::uint32_t u = bits(static_cast<float>(centre));
        for (const std::uint32_t near : {u - 1, u, u + 1})
          if (near < 0x80000000u) check(near);
      }
    check(bits(std::numeric_limits<float>::max()));
    check(bits(INFINITY));
  }
}

TEST(Formats, Landmarks) {
  EXPECT_EQ(f16_encode(65519.996f), 0x7bff);
  EXPECT_EQ(f16_encode(65520.0f), 0x7c00);
  EXPECT_EQ(e4m3_encode(464.0f), 0x7e);  // the tie above 448 saturates too
  EXPECT_EQ(e4m3_encode(INFINITY), 0x7e);
  EXPECT_EQ(e5m2_encode(61439.996f), 0x7b);
  EXPECT_EQ(e5m2_encode(61440.0f), 0x7c);
  EXPECT_EQ(e2m1_encode(5.0f), 6);  // the tie between 4 and 6
  EXPECT_EQ(e2m1_encode(-100.0f), 15);
  EXPECT_EQ(bf16_encode(0x1.8p-134f), 1);
  EXPECT_EQ(bf16_encode(0x1p-134f), 0);
  EXPECT_EQ(bf16_encode(0x1.fffffep127f), 0x7f80);
}

TEST(Formats, E8m0) {
  for (int e = 0; e < 255; ++e)
    EXPECT_EQ(static_cast<double>(e8m0_decode(static_cast<std::uint8_t>(e))),
              std::ldexp(1.0, e - 127))
        << e;
  EXPECT_TRUE(is_nan(e8m0_decode(0xff)));
}

TEST(Formats, BlockFormatsAreExactProducts) {
  const double e2m1[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int n = 0; n < 16; ++n) {
    const double q = n & 8 ? -e2m1[n & 7] : e2m1[n & 7];
    for (int s = 0; s < 256; ++s) {
      const auto code = static_cast<std::uint8_t>(n), scale = static_cast<std::uint8_t>(s);
      const float mx = mxfp4_decode(code, scale), nv = nvfp4_decode(code, scale);
      const double product = q * std::ldexp(1.0, s - 127);
      EXPECT_TRUE(same(mx, s == 255 ? NAN : static_cast<float>(product))) << n << ' ' << s;
      const double exact = q * static_cast<double>(e4m3_decode(scale));
      EXPECT_TRUE((s & 127) == 127 ? is_nan(nv) : static_cast<double>(nv) == exact)
          << n << ' ' << s;
    }
  }
}

TEST(Formats, IntegersTimesNarrowScalesAreExact) {
  std::uint64_t checked = 0;
  for (int q = -255; q <= 255; q += 5)
    for (std::uint32_t code = 0; code < 0x8000; code += 7)
      for (const float scale : {bf16_decode(static_cast<std::uint16_t>(code)),
                                f16_decode(static_cast<std::uint16_t>(code))}) {
        if (!(scale <= 1e30f) || (scale != 0 && scale < 1e-30f)) continue;
        ASSERT_EQ(static_cast<double>(integer_decode(q, 8, scale)),
                  (q - 8) * static_cast<double>(scale))
            << q << ' ' << scale;
        ++checked;
      }
  EXPECT_GT(checked, 300000u);
}

// For bf16 operands a product is exact in binary32 wherever it does not leave the normal range:
// mul-then-add is fma there.
TEST(Formats, Bf16ProductsAreExact) {
  for (std::uint32_t a = 0; a < 0x7f80; a += 29)
    for (std::uint32_t b = 0; b < 0x7f80; b += 23) {
      const float x = bf16_decode(static_cast<std::uint16_t>(a)),
                  y = bf16_decode(static_cast<std::uint16_t>(b));
      const double exact = static_cast<double>(x) * y;
      if (exact != 0 && (exact < 0x1p-126 || exact >= 0x1p128)) continue;
      const float product = x * y;
      ASSERT_EQ(static_cast<double>(product), exact) << std::hex << a << ' ' << b;
    }
}

}  // namespace
}  // namespace moe::numerics
