// What the tests of the CUDA tier share: the numbers of tests/cpu/support.h, and the emulator's
// orders. The kernels run on the CPU here, as moe::cuda_emulated.
#pragma once
#include <functional>
#include <string>

#include "cuda/emulator/cuda_on_cpu.h"
#include "tests/cpu/support.h"

namespace moe::test {

namespace cuda = ::moe::cuda_emulated;

/// Calls test() with threads, warps and blocks forward, reversed, and in a random order.
inline void in_every_order(const std::function<void()>& test) {
  using cuda_on_cpu::Order;
  const std::size_t buffers = cuda_on_cpu::live_buffers();
  for (const auto& [order, name] : {std::pair(Order::forward, "forward"),
                                    std::pair(Order::reverse, "reverse"),
                                    std::pair(Order::random, "random")}) {
    SCOPED_TRACE(std::string("order of threads: ") + name);
    cuda_on_cpu::set({.order = order});
    test();
    if (::testing::Test::HasFailure()) break;
  }
  cuda_on_cpu::set({});
  EXPECT_EQ(cuda_on_cpu::live_buffers(), buffers) << "device memory was not given back";
}

/// Both traces have the same stages in the same order, bit for bit.
inline void expect_same_stages(const Recording& expected, const Recording& found,
                               const std::string& name) {
  ASSERT_EQ(expected.stages.size(), found.stages.size()) << name;
  for (std::size_t s = 0; s < expected.stages.size(); s++) {
    const Stage& e = expected.stages[s];
    const Stage& f = found.stages[s];
    ASSERT_EQ(e.name, f.name) << name;
    ASSERT_EQ(e.shape, f.shape) << name << " " << e.name;
    if (const auto* floats = std::get_if<std::vector<float>>(&e.values))
      ASSERT_TRUE(same_bits(*floats, std::get<std::vector<float>>(f.values)))
          << name << " " << e.name;
    else
      ASSERT_EQ(e.values, f.values) << name << " " << e.name;
  }
}

}  // namespace moe::test
