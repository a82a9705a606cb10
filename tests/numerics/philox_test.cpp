// Philox4x32-10 against published answers, and the draws made of it.
#include "reference/numerics/philox.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "reference/numerics/bits.h"

namespace moe::numerics {
namespace {

using Four = std::array<std::uint32_t, 4>;

Four philox(Four c, std::uint64_t key) {
  const Words words = philox4x32_10({{c[0], c[1], c[2], c[3]}}, key);
  return {words.w[0], words.w[1], words.w[2], words.w[3]};
}

// Random123, tests/kat_vectors, the lines "philox4x32 10".
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, 0), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, ~std::uint64_t{0}),
            (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822u),
            (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ElementAddressesTheCounter) {
  const Stream stream{0x299f31d0a4093822u, 0x13198a2e, 0x03707344};
  const std::uint64_t block =
      0x05a308d3243f6a88u;  // two words of the published counter, top bits cleared
  const Four expected = philox({0x243f6a88, 0x05a308d3, 0x13198a2e, 0x03707344}, stream.seed);
  for (std::uint64_t i = 0; i < 4; ++i)
    EXPECT_EQ(random_word(stream, 4 * block + i), expected[i]) << i;
}

TEST(Philox, StreamsDiffer) {
  const std::uint32_t word = random_word({1, 2, 3}, 0);
  EXPECT_NE(word, random_word({1, 2, 4}, 0));
  EXPECT_NE(word, random_word({1, 3, 3}, 0));
  EXPECT_NE(word, random_word({2, 2, 3}, 0));
  EXPECT_NE(word, random_word({1 | std::uint64_t{1} << 32, 2, 3}, 0));
  EXPECT_NE(word, random_word({1, 2, 3}, 1));
}

TEST(Philox, DrawsAreMadeOfTheTop24Bits) {
  const Stream stream{42, 0, 0};
  for (std::uint64_t e = 0; e < 4096; ++e) {
    const std::uint32_t u = random_word(stream, e) >> 8;
    const float uniform = random_uniform(stream, e);
    ASSERT_EQ(static_cast<double>(uniform), u * 0x1p-24);
    ASSERT_LT(uniform, 1.0f);
    ASSERT_TRUE(same(random_normal(stream, e), normal_quantile(u)));
  }
}

// Inside (0, 1) at both ends of a word, exactly; logarithms once in binary64 and rounded are the definition.
TEST(Philox, GumbelsComeFromInsideTheInterval) {
  const Stream stream{42, 0, 0};
  double mean = 0;
  const int n = 1 << 16;
  for (std::uint64_t e = 0; e < n; ++e) {
    const std::uint32_t w = random_word(stream, e) >> 9;
    const float u = random_inside(stream, e);
    ASSERT_EQ(static_cast<double>(u), (2.0 * w + 1) / 0x1p24);
    const float a = -log(u), g = random_gumbel(stream, e);
    ASSERT_GT(a, 0);
    ASSERT_EQ(g, -log(a));
    ASSERT_NEAR(g, -std::log(-std::log(static_cast<double>(u))), 1e-6 * (1 + std::fabs(g)));
    mean += static_cast<double>(g) / n;
  }
  EXPECT_NEAR(mean, 0.5772156649, 5 * std::numbers::pi / std::sqrt(6.0 * n));  // Euler's constant; variance pi^2/6
  EXPECT_NEAR(-log(-log(0x1p-24F)), -2.81154, 1e-5);
  EXPECT_NEAR(-log(-log(1 - 0x1p-24F)), 16.63553, 1e-5);
}

// The moments of 2^20 Gaussians: standard errors 0.001, 0.0014 and 0.01, bounds about four of them.
TEST(Philox, GaussianMoments) {
  const Stream stream{0x200000001u, 0, 0};
  const int n = 1 << 20;
  double mean = 0, variance = 0, fourth = 0;
  for (std::uint64_t e = 0; e < n; ++e) {
    const double z = random_normal(stream, e);
    mean += z / n;
    variance += z * z / n;
    fourth += z * z * z * z / n;
  }
  EXPECT_LT(std::fabs(mean), 0.004);
  EXPECT_LT(std::fabs(variance - 1), 0.006);
  EXPECT_LT(std::fabs(fourth - 3), 0.04);
}

}  // namespace
}  // namespace moe::numerics
