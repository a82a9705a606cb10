#include "tests/docs/accounting_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "reference/accounting/read_model.h"

namespace moe::docs {

Counted counted(const std::string& name) {
  Counted c{.name = name, .model = accounting::read_model(MOE_SOURCE_DIR "/tests/data/accounting/" + name + ".json"), .counts = {}};
  c.counts = accounting::count(c.model);
  return c;
}

std::vector<Counted> all_counted() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MOE_SOURCE_DIR "/tests/data/accounting"))
    if (entry.path().extension() == ".json" && entry.path().stem() != "Switch-C-2048.hub-as-published") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  std::vector<Counted> all;
  for (const std::string& name : names) all.push_back(counted(name));
  return all;
}

std::string grouped(Index n) {
  std::string s = std::to_string(n);
  for (auto at = static_cast<Index>(s.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) s.insert(static_cast<std::size_t>(at), 1, ',');
  return s;
}

std::string billions(Index n) { return fmt::format("{:.3f}", static_cast<double>(n) / 1e9); }

std::string percentage(double share) { return fmt::format("{:.1f} %", 100 * share); }

}  // namespace moe::docs
