// How a group of products is cut into tasks.
#pragma once
#include <vector>

#include "cpu/multiply.h"

namespace moe::cpu {

/// A product to be cut: its rows and its panels. Panels are handed out `unit` at a time (2 where a
/// gate panel and its up panel must meet).
struct Work {
  Tiles tiles;
  Index panels = 0;
  Index unit = 1;
};

/// A piece of product number `job`.
struct Task {
  Index job;
  Block block;
};

/// Cuts the products into tasks, largest first. A task's rows are few enough to stay in the
/// second-level cache, its panels many enough to use them often, and the tasks many enough to keep
/// all threads busy to the end. Which cut it is shows in no result.
std::vector<Task> plan(const std::vector<Work>& jobs, int threads);

/// Number of values the largest task leaves in multiply's `out`.
Index largest_output(const std::vector<Work>& jobs, const std::vector<Task>& tasks);

}  // namespace moe::cpu
