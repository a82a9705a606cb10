// The keys that make selection integer work: the order they stand for, and that any algorithm then
// agrees.
#include "reference/numerics/top_k_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

#include "reference/numerics/bits.h"
#include "reference/numerics/fingerprint.h"

namespace moe::numerics {
namespace {

// The order in words: does (a, i) come before (b, j)?
bool before(float a, std::uint32_t i, float b, std::uint32_t j) {
  const bool a_nan = std::isnan(a), b_nan = std::isnan(b);
  if (a_nan != b_nan) return b_nan;
  if (!a_nan && a != b) return a > b;
  return i < j;
}

TEST(TopKKey, EveryPairOfANastyList) {
  const std::uint32_t patterns[] = {0x00000000, 0x80000000,  // zeros
                                    0x00000001, 0x80000001, 0x007fffff,
                                    0x807fffff,  // subnormals
                                    0x00400000, 0x80400000, 0x003fffff,
                                    0x803fffff,  // whose complement looks like a NaN, or nearly
                                    0x00800000, 0x80800000, 0x3f800000, 0xbf800000, 0x3f800001,
                                    0xbf800001, 0x7f7fffff, 0xff7fffff, 0x7f800000,
                                    0xff800000,  // infinities
                                    0x7f800001, 0xff800001, 0x7fc00000, 0xffc00000, 0x7fffffff,
                                    0xffffffff};
  const std::uint32_t indices[] = {0, 1, 255, 0x7fffffff, 0xfffffffe};
  for (const std::uint32_t a : patterns)
    for (const std::uint32_t b : patterns)
      for (const std::uint32_t i : indices)
        for (const std::uint32_t j : indices) {
          if (i == j) continue;
          const std::uint64_t first = top_k_key(from_bits(a), i),
                              second = top_k_key(from_bits(b), j);
          ASSERT_EQ(first > second, before(from_bits(a), i, from_bits(b), j))
              << std::hex << a << ' ' << i << ", " << b << ' ' << j;
          ASSERT_NE(first, second);
          ASSERT_EQ(top_k_index(first), i);
        }
}

// Along the line of all numbers, from -infinity to +infinity: strictly increasing, except that both
// zeros are one. Every 61st number, and all of them around zero and around the ends of the
// subnormals.
TEST(TopKKey, IncreasesAlongTheLineOfNumbers) {
  const auto at = [](std::int64_t place) {
    return from_bits(place < 0 ? 0x80000000u | static_cast<std::uint32_t>(-place)
                               : static_cast<std::uint32_t>(place));
  };
  const auto scan = [&](std::int64_t from, std::int64_t to, std::int64_t step) {
    std::uint32_t last = score_order(at(from));
    for (std::int64_t place = from + step; place <= to; place += step) {
      const std::uint32_t order = score_order(at(place));
      ASSERT_GT(order, last) << place;
      last = order;
    }
  };
  const std::int64_t infinity = 0x7f800000;
  scan(-infinity, infinity, 61);
  for (const std::int64_t place :
       {-infinity + 5000, std::int64_t{-0x00800000}, std::int64_t{-0x00400000}, std::int64_t{0},
        std::int64_t{0x00400000}, std::int64_t{0x00800000}, infinity - 5000})
    scan(place - 5000, place + 5000, 1);
  EXPECT_EQ(score_order(-0.0f), score_order(0.0f));
}

// Every NaN, of either sign, is below -infinity; nothing else is. Every 127th bit pattern.
TEST(TopKKey, NansAndOnlyNansAreLast) {
  const std::uint32_t lowest = score_order(-INFINITY);
  for (std::uint64_t u = 0; u < std::uint64_t{1} << 32; u += 127) {
    const float score = from_bits(static_cast<std::uint32_t>(u));
    ASSERT_EQ(score_order(score) < lowest, std::isnan(score)) << std::hex << u;
  }
}

// Sorting, a heap and repeated maximum give one list: that of a stable sort in the order's words.
TEST(TopKKey, AlgorithmsAgree) {
  std::uint64_t state = 7;
  const auto draw = [&](std::uint64_t n) { return mix(state++) % n; };
  const float specials[] = {0.0f,      -0.0f,     NAN,        -NAN,      INFINITY,
                            -INFINITY, 0x1p-149f, -0x1p-149f, -0x1p-127f};
  for (int trial = 0; trial < 1000; ++trial) {
    std::vector<float> scores(1 + draw(256));
    for (float& score : scores)
      score = draw(3) ? static_cast<float>(draw(7)) - 3 : specials[draw(9)];
    std::vector<std::uint64_t> keys;
    std::vector<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < scores.size(); ++i) keys.push_back(top_k_key(scores[i], i));
    for (std::uint32_t i = 0; i < scores.size(); ++i) expected.push_back(i);
    std::sort(expected.begin(), expected.end(),
              [&](auto i, auto j) { return before(scores[i], i, scores[j], j); });
    std::vector<std::uint64_t> sorted = keys, left = keys;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    std::priority_queue<std::uint64_t> heap(keys.begin(), keys.end());
    for (std::size_t k = 0; k < std::min<std::size_t>(scores.size(), 16); ++k) {
      const auto largest = std::max_element(left.begin(), left.end());
      ASSERT_EQ(*largest, sorted[k]);
      ASSERT_EQ(heap.top(), sorted[k]);
      ASSERT_EQ(top_k_index(sorted[k]), expected[k]);
      left.erase(largest);
      heap.pop();
    }
  }
}

}  // namespace
}  // namespace moe::numerics
