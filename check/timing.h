// Clocks that mean something on a machine that others use too.
#pragma once
#include <vector>

namespace moe::check {

/// Seconds on the clock for work on that many threads: one is timed by the CPU time of the process,
/// which other programs do not stretch; several by wall time, which they do.
double seconds_now(int threads);

/// Seconds that the work takes on that clock.
double seconds_of(int threads, const auto& work) {
  const double start = seconds_now(threads);
  work();
  return seconds_now(threads) - start;
}

/// The middle value, the upper one of two; 0 if there is none.
double median(std::vector<double> values);

}  // namespace moe::check
