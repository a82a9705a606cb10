// What this machine can do at most: the two numbers every measured speed is a share of.
#pragma once
#include "cpu/buffer.h"

namespace moe::check {

/// Limits of a number of threads together.
struct Ceiling {
  double fma_gflops;              ///< binary32 fused multiply-adds in registers, 2 operations each
  double read_gbytes_per_second;  ///< reading memory far beyond every cache, in order
};

/// Measures the ceiling again and again, between other measurements: clocks and neighbours change.
class CeilingProbe {
 public:
  /// For that many threads (0: as many as there are processors). Throws Error where the cpu tier cannot run.
  explicit CeilingProbe(int threads);
  /// One pass of each, about 15 milliseconds.
  Ceiling sample();

 private:
  int threads_;
  cpu::Buffer sinks_, memory_;
};

/// The best of several passes, because other work on the machine can only slow a pass down; a third of a second.
/// Throws Error where the cpu tier cannot run.
Ceiling measure_ceiling(int threads);

}  // namespace moe::check
