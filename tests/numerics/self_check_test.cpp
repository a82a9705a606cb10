// The self-check accepts this build and finds what a thread's floating-point mode breaks.
#include <gtest/gtest.h>

#include <cfenv>
#include <string>
#include <thread>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "reference/numerics/self_check.h"

namespace moe::numerics {
namespace {

TEST(SelfCheck, ThisBuildIsGoodInEveryThread) {
  EXPECT_EQ(self_check(), 0u) << describe_violations(self_check());
  unsigned elsewhere = ~0u;
  std::thread([&] { elsewhere = self_check(); }).join();
  EXPECT_EQ(elsewhere, 0u) << describe_violations(elsewhere);
  EXPECT_NO_THROW(require_exact_arithmetic("a test"));
}

// What the check says after `change` was done to the calling thread alone.
template <class Change>
unsigned after(Change change) {
  unsigned found = 0;
  std::thread([&] {
    change();
    found = self_check();
  }).join();
  EXPECT_EQ(self_check(), 0u) << "the mode leaked out of its thread";
  return found;
}

TEST(SelfCheck, FindsRoundingModes) {
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO})
    EXPECT_NE(after([=] { std::fesetround(mode); }) & kRounding, 0u) << mode;
}

#if defined(__SSE2__)
TEST(SelfCheck, FindsFlushedResultsAndInputs) {
  const unsigned ftz = after([] { _mm_setcsr(_mm_getcsr() | 0x8000); });
  EXPECT_NE(ftz & kFlushesResults, 0u);
  EXPECT_EQ(ftz & kFlushesInputs, 0u);
  const unsigned daz = after([] { _mm_setcsr(_mm_getcsr() | 0x0040); });
  EXPECT_NE(daz & kFlushesInputs, 0u);
  const unsigned both = after([] { _mm_setcsr(_mm_getcsr() | 0x8040); });
  EXPECT_EQ(both & (kFlushesInputs | kFlushesResults), unsigned{kFlushesInputs | kFlushesResults});
  EXPECT_EQ(both & ~unsigned{kFlushesInputs | kFlushesResults}, 0u) << describe_violations(both);
}
TEST(SelfCheck, FindsRoundingSetInTheRegister) {
  EXPECT_NE(after([] { _mm_setcsr(_mm_getcsr() | 0x6000); }) & kRounding, 0u);
}
#endif

TEST(SelfCheck, SpeaksPlainly) {
  EXPECT_EQ(describe_violations(0), "arithmetic is exact");
  for (unsigned bit = 1; bit <= kDivSqrt; bit *= 2)
    EXPECT_GT(describe_violations(bit).size(), 20u) << bit;
  const std::string two = describe_violations(kFlushesResults | kContracts);
  EXPECT_NE(two.find("FTZ"), std::string::npos);
  EXPECT_NE(two.find("-ffp-contract=off"), std::string::npos);
  std::string message;
  std::thread([&] {
    std::fesetround(FE_UPWARD);
    try {
      require_exact_arithmetic("worker 3");
    } catch (const Error& error) {
      message = error.what();
    }
  }).join();
  EXPECT_NE(message.find("worker 3"), std::string::npos) << message;
  EXPECT_NE(message.find("rounding"), std::string::npos) << message;
}

}  // namespace
}  // namespace moe::numerics
