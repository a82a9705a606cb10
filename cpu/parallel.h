// Threads: OpenMP teams that hand out tasks one by one.
#pragma once
#include <atomic>
#include <functional>

#include "reference/types.h"

namespace moe::cpu {

/// The number of threads to use for `requested`: that many, or for 0 as many as OpenMP would
/// (OMP_NUM_THREADS, else the number of processors). Throws Error if negative.
int thread_count(int requested);

/// Likewise for work that takes one thread so long: for 0, only as many as have 25 microseconds of
/// it each. To wake a thread and wait for it in every stage costs a layer 10 microseconds.
int thread_count(int requested, double nanoseconds);

/// Runs body(task, worker) once for every task in [0, tasks), on at most `threads` threads;
/// 0 <= worker < threads is the number of the thread. Tasks start in ascending order, each as soon
/// as a thread is free, so put the largest first. Returns when all are done.
///
/// Every thread checks its floating-point mode before its first task (numerics::self_check). What a
/// task throws reaches the caller: the first exception, after the other threads have finished the
/// task they were at.
void parallel_for(int threads, Index tasks, const std::function<void(Index, int)>& body);

/// Runs body(first, last) over the ranges of at most `together` values that [0, n) is cut into: as
/// many as make a task worth a thread's while. Otherwise as parallel_for.
void parallel_ranges(int threads, Index n, Index together,
                     const std::function<void(Index, Index)>& body);

/// Tasks 0 .. count-1 that the threads of a team take, each once: every other thread from the end,
/// so that where tasks lie largest first, those that wait for arithmetic and those that wait for
/// memory run side by side, and each has what it waits for to itself.
class TwoEnds {
 public:
  explicit TwoEnds(Index count) : count_(count) {}
  /// The next task for this thread of the team, -1 if all are taken.
  Index take(int worker) {
    // As many as are taken at both ends together are at most all, so the ends do not pass.
    if (taken_++ >= count_) return -1;
    return worker % 2 == 0 ? from_front_++ : count_ - 1 - from_back_++;
  }

 private:
  const Index count_;
  std::atomic<Index> taken_{0}, from_front_{0}, from_back_{0};
};

/// What must have ended before something else may begin.
class Pending {
 public:
  /// One more; before the threads start.
  void add() { count_.fetch_add(1, std::memory_order_relaxed); }
  /// One of them has ended; what it wrote can be read by who waits.
  void end() { count_.fetch_sub(1, std::memory_order_release); }
  /// Returns when all have. They must be under way: who waits does not run them.
  void wait() const;

 private:
  std::atomic<Index> count_{0};
};

}  // namespace moe::cpu
