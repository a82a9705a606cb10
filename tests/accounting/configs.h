// The configs of tests/data/accounting, and their golden counts.
#pragma once
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "reference/accounting/counts.h"
#include "reference/accounting/read_model.h"
#include "reference/error.h"

namespace moe::test {

using Config = nlohmann::ordered_json;

inline std::string config_path(const std::string& name) { return std::string(MOE_TEST_DATA "/accounting/") + name + ".json"; }

inline std::string config_text(const std::string& name) {
  std::ifstream in(config_path(name));
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::string> config_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MOE_TEST_DATA "/accounting"))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A config as JSON; the one bare Infinity becomes a string.
inline Config config(const std::string& name) {
  std::string text = config_text(name);
  if (const std::size_t at = text.find("Infinity"); at != std::string::npos) text.replace(at, 8, "\"Infinity\"");
  return Config::parse(text);
}

/// The part with the language model's keys.
inline Config& language(Config& c) { return c.contains("text_config") ? c["text_config"] : c; }

inline accounting::Model model(const std::string& name) { return accounting::read_model(config_path(name)); }
inline accounting::Model parsed(const Config& c) { return accounting::parse_model(c.dump(), "config.json"); }

struct Golden {
  std::string name;
  Index total = 0;
  std::string c1, c2, c3, mtp, bytes;  // billions with three decimals; "-": none
};

inline std::vector<Golden> golden() {
  std::ifstream in(MOE_TEST_DATA "/accounting/golden.txt");
  std::vector<Golden> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    Golden g;
    words >> g.name >> g.total >> g.c1 >> g.c2 >> g.c3 >> g.mtp >> g.bytes;
    rows.push_back(g);
  }
  return rows;
}

/// What parsing and counting says, "" if nothing.
inline std::string complaint(const Config& c) {
  try {
    accounting::count(parsed(c));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace moe::test
