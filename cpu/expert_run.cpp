// Networks over their rows, on all threads.
//
// No barrier stands between the steps: at each, threads that are done would wait for the others'
// last tasks, 1 to 4 % of a pass. Instead a task waits for what it reads, its network's rows or
// hidden values, and they are nearly always there: the last task of a step is of another network
// than the first of the next. Nobody waits for ever: what is waited for has been taken by a thread
// that runs, and no task throws.
//
// Networks go in waves, so that their rows and hidden values take little memory and stay in a cache
// of some megabytes. The waves follow one another without a barrier too, in two arenas by turns.
#include <algorithm>
#include <deque>
#include <vector>

#include "cpu/expert.h"
#include "cpu/ffn_run.h"
#include "cpu/parallel.h"

namespace moe::cpu {
namespace {

template <class T>
T& at(std::vector<T>& all, Index i) {
  return all[static_cast<std::size_t>(i)];
}
template <class T>
Index count(const std::vector<T>& all) {
  return static_cast<Index>(all.size());
}

// Tiles whose rows one task brings.
struct Gather {
  Index job, first_tile, last_tile;
};
std::vector<Gather> plan_gathers(const std::vector<FfnRun>& runs) {
  constexpr Index together = 8;
  std::vector<Gather> gathers;
  for (Index j = 0; j < count(runs); j++) {
    const Index tiles = runs[static_cast<std::size_t>(j)].tile_count();
    for (Index t = 0; t < tiles; t += together)
      gathers.push_back({j, t, std::min(tiles, t + together)});
  }
  return gathers;
}

// One of the two products of every network, in tasks.
struct Products {
  std::vector<Task> tasks;
  Index largest;  // values that a task leaves
};
Products plan_products(const std::vector<FfnRun>& runs, Work (FfnRun::*product)() const,
                       int threads) {
  std::vector<Work> works;
  for (const FfnRun& run : runs) works.push_back((run.*product)());
  std::vector<Task> tasks = plan(works, threads);
  const Index largest = largest_output(works, tasks);
  return {std::move(tasks), largest};
}

// Networks that are under way together.
class Wave {
 public:
  Wave(std::vector<FfnRun> runs, int threads)
      : runs_(std::move(runs)),
        gathers_(plan_gathers(runs_)),
        first_(plan_products(runs_, &FfnRun::first_product, threads)),
        second_(plan_products(runs_, &FfnRun::second_product, threads)),
        next_gather_(count(gathers_)),
        next_first_(count(first_.tasks)),
        next_second_(count(second_.tasks)),
        to_gather_(runs_.size()),
        to_hide_(runs_.size()) {
    for (const Gather& gather : gathers_) at(to_gather_, gather.job).add();
    for (const Task& task : first_.tasks) at(to_hide_, task.job).add();
    for (Index i = 0; i < count(first_.tasks) + count(second_.tasks); i++) to_end_.add();
  }

  // One thread's part of it. `scaled` is for gathering, `values` for a task's outputs.
  void work(int worker, float* scaled, float* values) {
    for (Index i; (i = next_gather_.take(worker)) >= 0;) {
      const Gather& gather = at(gathers_, i);
      for (Index t = gather.first_tile; t < gather.last_tile; t++)
        at(runs_, gather.job).gather(t, scaled);
      at(to_gather_, gather.job).end();
    }
    for (Index i; (i = next_first_.take(worker)) >= 0;) {
      const Task& task = at(first_.tasks, i);
      at(to_gather_, task.job).wait();  // its rows would still be those of another wave
      at(runs_, task.job).compute_hidden(task.block, values);
      at(to_hide_, task.job).end();
      to_end_.end();
    }
    for (Index i; (i = next_second_.take(worker)) >= 0;) {
      const Task& task = at(second_.tasks, i);
      at(to_hide_, task.job).wait();  // every output is a sum over all hidden values of its row
      at(runs_, task.job).compute_outputs(task.block, values);
      to_end_.end();
    }
  }

  // Returns when nobody reads or writes its arena any more.
  void wait() const { to_end_.wait(); }

  Index largest_output() const { return std::max(first_.largest, second_.largest); }

 private:
  std::vector<FfnRun> runs_;
  std::vector<Gather> gathers_;
  Products first_, second_;
  TwoEnds next_gather_, next_first_, next_second_;
  std::vector<Pending> to_gather_, to_hide_;  // of each network
  Pending to_end_;
};

// Values of an arena: few beside the weights and for a cache, but enough that there are tasks for
// all threads in a wave.
Index arena_suiting(std::span<const FfnJob> jobs) {
  constexpr Index share = 128;  // of the weights' bytes
  constexpr Index least = Index{3} << 20, most = Index{16} << 20;
  Index weights = 0;
  for (const FfnJob& job : jobs) weights += bytes(*job.ffn);
  return std::clamp(weights / share, least, most) / Index{sizeof(float)};
}

// The jobs with rows, in the waves that they go in.
std::vector<std::vector<const FfnJob*>> in_waves(std::span<const FfnJob> jobs, Index limit) {
  std::vector<std::vector<const FfnJob*>> waves;
  Index values = 0;
  for (const FfnJob& job : jobs) {
    if (job.rows == 0) continue;  // nobody chose this expert
    if (waves.empty() || values + FfnRun::values(job) > limit) {
      waves.emplace_back();
      values = 0;
    }
    waves.back().push_back(&job);
    values += FfnRun::values(job);
  }
  return waves;
}

// Values that the largest of the waves takes; where one follows another as many as it may take, so
// that batches of nearly the same shape find the memory of the one before.
Index arena_size(const std::vector<std::vector<const FfnJob*>>& waves, Index limit) {
  Index size = waves.size() > 1 ? limit : 0;
  for (const std::vector<const FfnJob*>& wave : waves) {
    Index values = 0;
    for (const FfnJob* job : wave) values += FfnRun::values(*job);
    size = std::max(size, values);
  }
  return size;
}

std::vector<FfnRun> lay_out(const std::vector<const FfnJob*>& jobs, float* arena) {
  std::vector<FfnRun> runs;
  for (const FfnJob* job : jobs) {
    runs.emplace_back(*job, arena);
    arena += FfnRun::values(*job);
  }
  return runs;
}

}  // namespace

void run_ffns(std::span<const FfnJob> jobs, int threads, Index arena) {
  if (arena == 0) arena = arena_suiting(jobs);
  const auto groups = in_waves(jobs, arena);
  arena = arena_size(groups, arena);
  Buffer memory(arena * std::min<Index>(2, count(groups)));
  std::deque<Wave> waves;
  Index scaled_size = 0, values_size = 0;
  for (const FfnJob& job : jobs) scaled_size = std::max(scaled_size, FfnRun::scaled_values(job));
  for (std::size_t w = 0; w < groups.size(); w++) {
    waves.emplace_back(lay_out(groups[w], memory.data() + (w % 2 == 0 ? 0 : arena)), threads);
    values_size = std::max(values_size, waves.back().largest_output());
  }
  Buffer scaled(scaled_size * threads), values(values_size * threads);
  parallel_for(threads, threads, [&](Index, int worker) {
    for (std::size_t w = 0; w < waves.size(); w++) {
      if (w >= 2) waves[w - 2].wait();  // or its values would be written over
      waves[w].work(worker, scaled.data() + worker * scaled_size,
                    values.data() + worker * values_size);
    }
  });
}

}  // namespace moe::cpu
