// Sums that round nothing, against 128-bit integers and against what is known of their parts.
#include "reference/numerics/exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace moe::numerics {
namespace {

TEST(ExactSum, OrdersAsNumbersDo) {
  const std::vector<float> ascending{-0x1.fffffep127F, -1e30F, -1, -0x1p-126F, -0x1p-149F, 0, 0x1p-149F,
                                     0x1.8p-148F, 0x1p-126F, 0x1.fffffep-1F, 1, 0x1.000002p0F, 1e30F, 0x1.fffffep127F};
  for (std::size_t i = 0; i < ascending.size(); i++)
    for (std::size_t j = 0; j < ascending.size(); j++) {
      EXPECT_EQ(exact(ascending[i]) < exact(ascending[j]), i < j) << i << " " << j;
      EXPECT_EQ(exact(ascending[i]) == exact(ascending[j]), i == j) << i << " " << j;
    }
  EXPECT_TRUE(exact(-0.0F) == exact(0.0F));
}

// Every exponent, so every place of the digits within and across limbs: what goes in comes out again.
TEST(ExactSum, LosesNothingWhateverTheSizes) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; i++) {
    const float large = std::ldexp(1.0F + static_cast<float>(random() >> 9) * 0x1p-23F, static_cast<int>(random() % 254) - 126);
    const float small = std::ldexp(static_cast<float>(random() % 1000) - 500, -149 + static_cast<int>(random() % 100));
    const ExactSum both = exact(large) + exact(small);
    ASSERT_TRUE(both - exact(large) == exact(small)) << large << " " << small;
    ASSERT_TRUE(both - exact(small) == exact(large)) << large << " " << small;
    ASSERT_EQ(both < exact(large), small < 0);
    ASSERT_EQ(exact(large) < both, small > 0);
    ASSERT_TRUE(exact(small) - exact(large) == ExactSum{} - (exact(large) - exact(small)));
  }
}

TEST(ExactSum, AgreesWithIntegers) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 2000; i++) {
    ExactSum sum, other;
    std::int64_t whole = 0, other_whole = 0;
    for (int j = 0; j < 50; j++) {
      const auto n = static_cast<std::int64_t>(random() % (1 << 25)) - (1 << 24);
      const auto k = static_cast<std::int64_t>(random() % (1 << 25)) - (1 << 24);
      whole += n;
      other_whole -= k;
      sum = sum + exact(static_cast<float>(n) * 0x1p-80F);
      other = other - exact(static_cast<float>(k) * 0x1p-80F);
    }
    ASSERT_EQ(sum < other, whole < other_whole);
    ASSERT_EQ(other < sum, other_whole < whole);
  }
  ExactSum all;  // 2^20 times the largest, and back
  for (int i = 0; i < 1 << 20; i++) all = all + exact(0x1.fffffep127F);
  ASSERT_TRUE(exact(0x1.fffffep127F) < all);
  for (int i = 0; i < 1 << 20; i++) all = all - exact(0x1.fffffep127F);
  ASSERT_TRUE(all == ExactSum{});
}

}  // namespace
}  // namespace moe::numerics
