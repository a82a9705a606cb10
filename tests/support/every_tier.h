// Tests that run once on every tier; those of a tier that cannot run here are skipped and say why.
// For one executable's tests: TEST_P(EveryTier, Name) { ... tier() ... }
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "tests/support/tiers_run.h"

namespace moe::test {

class EveryTier : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    if (!tier().skipped.empty()) GTEST_SKIP() << tier().name << ": " << tier().skipped;
  }
  const check::Tier& tier() const { return check::tiers()[GetParam()]; }
};

/// "cuda-emulated" as a test may be called.
inline std::string tier_test_name(const ::testing::TestParamInfo<std::size_t>& at) {
  std::string name = check::tiers()[at.param].name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(, EveryTier, ::testing::Range<std::size_t>(0, 4), tier_test_name);

}  // namespace moe::test
