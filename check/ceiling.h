// What this machine can do at most: the two numbers every measured speed is a share of.
#pragma once

namespace moe::check {

/// Limits of a number of threads together.
struct Ceiling {
  double fma_gflops;              ///< binary32 fused multiply-adds in registers, 2 operations each
  double read_gbytes_per_second;  ///< reading memory far beyond every cache, in order
};

/// Measures both in about a third of a second; the best of several passes, because other work on the machine can only slow a pass
/// down. Measure in the same run as what is compared with it: clocks and neighbours change.
/// Throws Error where the cpu tier cannot run.
Ceiling measure_ceiling(int threads);

}  // namespace moe::check
