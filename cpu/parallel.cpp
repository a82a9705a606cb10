#include "cpu/parallel.h"

#include <hwy/cache_control.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <thread>

#include "reference/error.h"
#include "reference/numerics/self_check.h"

namespace moe::cpu {
namespace {

// The mode belongs to the thread and OpenMP keeps its threads, so once per thread is enough.
void check_this_thread() {
  thread_local bool checked = false;
  if (checked) return;
  numerics::require_exact_arithmetic("cpu worker thread");
  checked = true;
}

}  // namespace

int thread_count(int requested) {
  if (requested < 0)
    throw Error("threads is " + std::to_string(requested) + ", expected 0 (all) or more");
  return requested == 0 ? omp_get_max_threads() : requested;
}

int thread_count(int requested, double nanoseconds) {
  constexpr double worth_waking = 25'000;
  const int all = thread_count(requested);
  if (requested != 0 || nanoseconds >= worth_waking * all) return all;
  return std::max(1, static_cast<int>(nanoseconds / worth_waking));
}

void parallel_for(int threads, Index tasks, const std::function<void(Index, int)>& body) {
  const auto team = static_cast<int>(std::min<Index>(threads, tasks));
  if (team <= 1) {
    check_this_thread();
    for (Index task = 0; task < tasks; task++) body(task, 0);
    return;
  }
  std::atomic<Index> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
#pragma omp parallel num_threads(team)
  {
    try {
      check_this_thread();
      for (Index task = next++; task < tasks; task = next++) body(task, omp_get_thread_num());
    } catch (...) {
      // An exception must not leave the parallel region. The first one wins; nobody starts more.
      if (!failed.exchange(true)) error = std::current_exception();
      next = tasks;
    }
  }
  if (error) std::rethrow_exception(error);
}

void parallel_ranges(int threads, Index n, Index together,
                     const std::function<void(Index, Index)>& body) {
  parallel_for(threads, (n + together - 1) / together, [&](Index task, int) {
    body(task * together, std::min(n, (task + 1) * together));
  });
}

void Pending::wait() const {
  // Most waits are short: what is waited for began long before. Where threads are more than
  // processors it may not be running, and wants this one.
  constexpr int patience = 2000;
  for (int i = 0; count_.load(std::memory_order_acquire) != 0; i++)
    if (i >= patience)
      std::this_thread::yield();
    else
      hwy::Pause();
}

}  // namespace moe::cpu
