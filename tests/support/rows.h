// Rows of the preset table by kind.
#pragma once
#include <vector>

#include "reference/presets.h"

namespace moe::test {

/// All rows of that variant.
inline std::vector<Preset> rows_of(std::string_view variant) {
  std::vector<Preset> rows;
  for (const Preset& row : presets())
    if (row.variant == variant) rows.push_back(row);
  return rows;
}

/// Rows of token choice in which no token can lose an expert to another: its result is its own.
inline std::vector<Preset> dropless_rows() {
  std::vector<Preset> rows;
  for (const Preset& row : rows_of("sparse"))
    if (!row.capacity) rows.push_back(row);
  return rows;
}

}  // namespace moe::test
