// What named machines can do at most.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "reference/types.h"

namespace moe::accounting {

/// Peaks as published by the makers, dense (no 2:4 sparsity).
struct Hardware {
  std::string name;         ///< "h100"
  std::string what;         ///< full name
  double flops = 0;         ///< FLOP/s of the arithmetic in `number`
  std::string number;       ///< "bf16", "f32"
  double low_flops = 0;     ///< FLOP/s with 8-bit numbers; 0: none
  double bandwidth = 0;     ///< bytes/s of its memory
  double memory = 0;        ///< bytes
  double link = 0;          ///< bytes/s to its neighbours, one direction
  double network = 0;       ///< bytes/s to other nodes, one direction

  /// FLOPs for each byte at which both limits meet.
  double ridge() const { return flops / bandwidth; }
};

/// The rows of the table.
std::span<const Hardware> all_hardware();

/// One row, in small or capital letters. Throws Error listing the names.
const Hardware& hardware_named(std::string_view name);

}  // namespace moe::accounting
