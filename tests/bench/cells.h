// A cell of the tables: one shape, spread, number of tokens and of threads; a row for each engine.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/engine.h"
#include "tests/bench/turns.h"

namespace moe::bench {

/// What one engine did in a cell.
struct Row {
  std::string engine;
  std::string problem;  ///< why there is no number; else empty
  std::string version;  ///< of its library
  double seconds = 0;   ///< median of a call
  std::map<std::string, double> counters = {};
};

/// A cell, measured when its first row is asked for.
struct Cell {
  std::string name;  ///< layer/shape:a/route:uniform/T:16/threads:2
  std::vector<std::string> engines;
  std::function<std::vector<Row>()> measure;  ///< rows in the order of `engines`
};

/// The layers of one kind that are measured.
struct Plan {
  std::vector<std::string> engines;
  bool quick = false;
};

/// A cell of one layer.
Cell layer_cell(const Plan& plan, const std::string& group, const Shape& shape, Spread spread,
                Index T, int threads);
/// Tokens a second over T, over E at a fixed active size, and over threads, beside what bytes and
/// operations against the ceiling allow.
std::vector<Cell> growth_cells(const Plan& plan);
/// Every variant of layer at the same active operations a token.
std::vector<Cell> variant_cells(const Plan& plan, int threads);

/// Routers of many experts: their logits, and the whole way to chosen experts and weights.
std::vector<Cell> router_cells(const Plan& plan, int threads);
/// Preparing a layer in each format: time, and memory then and while it runs, in parts of the weights.
std::vector<Cell> packing_cells(const std::vector<std::string>& shapes, int threads);

/// Numbers that a timed row has; share is the larger part of the two ceilings that is used.
void add_speed(Row& row, const Contestant& times, Index T, double flops, double bytes,
               const check::Ceiling& ceiling);

}  // namespace moe::bench
