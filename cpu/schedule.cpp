#include "cpu/schedule.h"

#include <algorithm>

namespace moe::cpu {
namespace {

// 192 rows of a piece of 256 are 192 KiB: they and a task's outputs fit a cache of 512 KiB.
constexpr Index kBlockRows = 192;
// Every task waits for its first weights, so few tasks are better (1 to 4 % with 16 rows an expert);
// but a task's outputs should stay in the cache with its rows.
constexpr Index kMostPanels = 64;
constexpr Index kMostOutputs = kBlockRows * 16;  // rows times panels
// Tasks per thread, so that the last ones to finish do not leave the others idle for long.
constexpr Index kTasksPerThread = 8;

Index ceiling(Index a, Index b) {
  return (a + b - 1) / b;
}

// Row blocks of a job, and panel units of `size` each.
struct Cut {
  Index row_blocks, panel_blocks;
};

Cut cut(const Work& work, Index panels_per_task) {
  const Index rows = std::min(work.tiles.rows(), kBlockRows);
  const Index panels = std::min(panels_per_task, kMostOutputs / std::max<Index>(1, rows));
  const Index units = std::max<Index>(1, panels / work.unit);
  return {ceiling(work.tiles.rows(), kBlockRows), ceiling(work.panels / work.unit, units)};
}

Index task_count(const std::vector<Work>& jobs, Index panels_per_task) {
  Index count = 0;
  for (const Work& work : jobs) {
    const Cut c = cut(work, panels_per_task);
    count += c.row_blocks * c.panel_blocks;
  }
  return count;
}

Index rows(const Work& work, const Block& block) {
  return work.tiles.begin(block.last_tile) - work.tiles.begin(block.first_tile);
}

}  // namespace

std::vector<Task> plan(const std::vector<Work>& jobs, int threads) {
  Index panels_per_task = kMostPanels;
  while (panels_per_task > 1 && task_count(jobs, panels_per_task) < kTasksPerThread * threads)
    panels_per_task /= 2;

  std::vector<Task> tasks;
  for (std::size_t j = 0; j < jobs.size(); j++) {
    const Work& work = jobs[j];
    const Cut c = cut(work, panels_per_task);
    const Index tile_count = work.tiles.count();
    const Index unit_count = work.panels / work.unit;
    // Row blocks innermost: they read the same panels one after the other.
    for (Index p = 0; p < c.panel_blocks; p++)
      for (Index r = 0; r < c.row_blocks; r++)
        tasks.push_back({static_cast<Index>(j),
                         {.first_tile = tile_count * r / c.row_blocks,
                          .last_tile = tile_count * (r + 1) / c.row_blocks,
                          .first_panel = unit_count * p / c.panel_blocks * work.unit,
                          .last_panel = unit_count * (p + 1) / c.panel_blocks * work.unit}});
  }
  const auto size = [&](const Task& task) {
    const Block& b = task.block;
    return rows(jobs[static_cast<std::size_t>(task.job)], b) * (b.last_panel - b.first_panel);
  };
  std::stable_sort(tasks.begin(), tasks.end(),
                   [&](const Task& a, const Task& b) { return size(a) > size(b); });
  return tasks;
}

Index largest_output(const std::vector<Work>& jobs, const std::vector<Task>& tasks) {
  Index largest = 0;
  for (const Task& task : tasks) {
    const Block& b = task.block;
    const Index panels = b.last_panel - b.first_panel;
    largest =
        std::max(largest, rows(jobs[static_cast<std::size_t>(task.job)], b) * panels * kPanel);
  }
  return largest;
}

}  // namespace moe::cpu
