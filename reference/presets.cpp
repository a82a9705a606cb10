#include "reference/presets.h"

#include <string>
#include <vector>

#include "reference/error.h"

namespace moe {

std::span<const Preset> presets() {
  static const std::vector<Preset> all = [] {
    std::vector<Preset> rows;
    for (const auto& part : {classic_presets(), drawn_presets(),
                             model_presets(), deepseek_presets()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

const Preset& preset(std::string_view name) {
  std::string known;
  for (const Preset& row : presets()) {
    if (row.name == name) return row;
    known.append(" ").append(row.name);
  }
  throw Error("unknown preset '" + std::string(name) + "', expected one of" +
              known);
}

}  // namespace moe
