// Every planted bug must show, as wrong bits or as an Error, under at least one order of threads;
// those that only a sanitizer sees must not (else the sanitizer's test proves nothing), and the
// kernel without a bug must never.
#include "tests/cuda/planted_bugs.h"

#include <gtest/gtest.h>

#include "cuda/emulator/cuda_on_cpu.h"

namespace {

using moe::cuda_on_cpu::Order;

struct PlantedBug : testing::TestWithParam<Bug> {};

TEST_P(PlantedBug, ShowsAsItShould) {
  const Bug& bug = GetParam();
  bool shown = false;
  std::string said;
  for (const Order order : {Order::forward, Order::reverse, Order::random}) {
    moe::cuda_on_cpu::set({.order = order});
    const std::string result = outcome(bug);
    shown = shown || result != "right";
    said += result + "\n";
    EXPECT_NE(result.find(bug.message), std::string::npos) << result;
  }
  moe::cuda_on_cpu::set({});
  EXPECT_EQ(shown, bug.needs == Needs::nothing) << said;
}

std::string name_of(const testing::TestParamInfo<Bug>& info) {
  std::string name = info.param.name;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, PlantedBug, testing::ValuesIn(planted_bugs()), name_of);

}  // namespace
