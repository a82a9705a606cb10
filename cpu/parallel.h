// Threads: OpenMP teams that hand out tasks one by one.
#pragma once
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

}  // namespace moe::cpu
