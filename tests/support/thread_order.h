// Which way the emulated kernels' threads take turns: forward, reverse or at random, by turns.
#pragma once
#include <cstdint>

#if defined(EXACTMOE_HAS_CUDA_EMULATED)
#include "cuda/emulator/cuda_on_cpu.h"
#endif

namespace moe::test {

/// The i-th order; 0 is forward.
inline void set_order(std::uint64_t i) {
#if defined(EXACTMOE_HAS_CUDA_EMULATED)
  using cuda_on_cpu::Order;
  constexpr Order orders[] = {Order::forward, Order::reverse, Order::random};
  cuda_on_cpu::Settings settings;
  settings.order = orders[i % 3];
  settings.seed = i;
  cuda_on_cpu::set(settings);
#else
  static_cast<void>(i);
#endif
}

}  // namespace moe::test
