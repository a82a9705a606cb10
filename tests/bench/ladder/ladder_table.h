// What exactmoe_ladder measured, and the page's tables made of it.
#pragma once
#include <string>
#include <vector>

#include "tests/bench/ladder/ladder.h"

namespace moe::ladder {

/// The table a row belongs to.
enum class Part { ladder, tried };

/// One measurement.
struct Row {
  Part part;
  int number;  ///< of the step
  std::string name, idea;
  Index T;
  int threads;
  double ms = 0, gflops = 0, gbytes = 0;
  double peak = 0, read = 0;        ///< the ceilings of so many threads beside it
  double of_peak = 0, of_read = 0;  ///< shares of them
};

/// All measurements so far, in order.
std::vector<Row>& rows();

/// The tables as Markdown.
std::string tables();

}  // namespace moe::ladder
