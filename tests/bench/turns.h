// Timing of several engines together on a machine that others use too: they take turns, round by
// round, with the machine's ceiling measured in between, so that all see the same clocks and
// neighbours. One thread is timed by CPU time; several by wall time, at real-time priority in short
// bursts where that is allowed.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "check/ceiling.h"

namespace moe::bench {

/// Whoever takes turns.
struct Contestant {
  std::string name;
  bool spins = false;  ///< see EngineInfo
  std::function<double(int)> call;  ///< runs on the batch of that number; returns seconds
  std::vector<double> seconds = {};  ///< of each call, filled by take_turns
};

/// How long to measure.
struct Effort {
  double seconds;  ///< at least so much of each contestant's time ...
  int fewest;      ///< ... and so many calls
  int together;    ///< calls in one turn
};

/// Lets all of them take turns until each has had enough; returns the median ceiling.
check::Ceiling take_turns(std::vector<Contestant>& contestants, int threads, const Effort& effort);

/// Puts this process, and what it starts from now on, ahead of others; false if not allowed.
bool come_first();

}  // namespace moe::bench
