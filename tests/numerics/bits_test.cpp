// Bits, distances and fingerprints: what every comparison in the project rests on.
#include "reference/numerics/bits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "reference/numerics/fingerprint.h"

namespace moe::numerics {
namespace {

const float kNans[] = {from_bits(0x7fc00000u), from_bits(0xffc00000u), from_bits(0x7fffffffu),
                       from_bits(0xff800001u), from_bits(0x7f800001u)};

TEST(Bits, RoundTripAndNan) {
  for (const std::uint32_t u :
       {0u, 1u, 0x80000000u, 0x3f800000u, 0x7f800000u, 0xff800000u, 0x00800000u}) {
    EXPECT_EQ(bits(from_bits(u)), u);
    EXPECT_FALSE(is_nan(from_bits(u)));
    EXPECT_EQ(canonical(from_bits(u)), u);
  }
  EXPECT_EQ(bits(from_bits(std::uint64_t{0x3ff0000000000001u})), 0x3ff0000000000001u);
  for (const float nan : kNans) {
    EXPECT_TRUE(is_nan(nan));
    EXPECT_EQ(canonical(nan), 0x7fc00000u);
    EXPECT_TRUE(same(nan, kNans[0]));
    EXPECT_FALSE(same(nan, 1.0f));
    EXPECT_FALSE(same(0.0f, nan));
  }
  EXPECT_FALSE(same(0.0f, -0.0f));
}

TEST(Bits, UlpDistance) {
  EXPECT_EQ(ulp_distance(1.0f, 1.0f), 0u);
  EXPECT_EQ(ulp_distance(1.0f, 0x1.000002p0f), 1u);
  EXPECT_EQ(ulp_distance(0x1.fffffep-1f, 1.0f), 1u);
  EXPECT_EQ(ulp_distance(0.0f, -0.0f), 0u);
  EXPECT_EQ(ulp_distance(0x1p-149f, -0x1p-149f), 2u);
  EXPECT_EQ(ulp_distance(0x1.fffffep127f, INFINITY), 1u);
  EXPECT_EQ(ulp_distance(-INFINITY, INFINITY), 2u * 0x7f800000u);
  EXPECT_EQ(ulp_distance(kNans[0], kNans[1]), 0u);
  EXPECT_EQ(ulp_distance(kNans[0], 0.0f), 0xffffffffu);
  EXPECT_GT(ulp_distance(INFINITY, kNans[2]), ulp_distance(-INFINITY, INFINITY));
}

TEST(Fingerprint, SeesValuePlaceAndSize) {
  const std::vector<float> base = {1, 2, 0, 3, 3};
  std::set<std::uint64_t> seen{fingerprint(base)};
  const auto differs = [&](std::vector<float> values) {
    return seen.insert(fingerprint(values)).second;
  };
  EXPECT_TRUE(differs({2, 1, 0, 3, 3})) << "swapped";
  EXPECT_TRUE(differs({1, 2, -0.0f, 3, 3})) << "sign of zero";
  EXPECT_TRUE(differs({1, 0x1.000002p1f, 0, 3, 3})) << "one ulp";
  EXPECT_TRUE(differs({1, 2, 0, 3, 3, 0})) << "one more zero";
  EXPECT_TRUE(differs({1, 2, 0, 3})) << "one fewer";
  EXPECT_TRUE(differs({})) << "empty";
  EXPECT_TRUE(differs({0})) << "one zero";
  EXPECT_TRUE(differs({0, 0})) << "two zeros";
  EXPECT_TRUE(differs({kNans[0], 2, 0, 3, 3})) << "NaN for a number";
  EXPECT_FALSE(differs({kNans[3], 2, 0, 3, 3})) << "which NaN does not matter";
  EXPECT_EQ(fingerprint(base), fingerprint(std::vector<float>(base)));
}

TEST(Fingerprint, Integers) {
  EXPECT_NE(fingerprint(std::vector<std::int32_t>{1, 2}),
            fingerprint(std::vector<std::int32_t>{2, 1}));
  EXPECT_NE(fingerprint(std::vector<std::int32_t>{-1}), fingerprint(std::vector<std::int32_t>{1}));
  // Integers whose bits would be NaNs stay apart.
  EXPECT_NE(fingerprint(std::vector<std::int32_t>{0x7fc00000}),
            fingerprint(std::vector<std::int32_t>{0x7fc00001}));
}

// Pinned: hashes are written into files and compared between machines.
TEST(Fingerprint, StaysWhatItIs) {
  EXPECT_EQ(mix(1), 0x5692161d100b05e5u);
  EXPECT_EQ(fingerprint(std::vector<float>{1, 2, 3}), 0xb334854beb64662cu);
  EXPECT_EQ(fingerprint(std::vector<float>{}), mix(1));
}

}  // namespace
}  // namespace moe::numerics
