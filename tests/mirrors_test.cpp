// An idea has one name everywhere: reference/X, cpu/X, cuda/X, tests/X_test.cpp, docs/X.md. What is
// missing must be listed, with its reason, in the table `| idea | tier | reason |` of
// docs/tiers.md; what is listed must be missing.
//
// Ideas are the stems of the sources and headers of reference/, cpu/ and cuda/, and their folders
// (numerics, io, ...). A part of an idea, `router_scores`, bears its name in front and needs no
// mirror.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = MOE_SOURCE_DIR;
const std::vector<std::string> kTiers{"reference", "cpu", "cuda", "tests", "docs"};
using Ideas = std::set<std::string>;

bool is_source(const fs::path& path) {
  for (const char* extension : {".h", ".cpp", ".cu", ".cuh"})
    if (path.extension() == extension) return true;
  return false;
}

// Names of sources and folders right under a folder.
Ideas names_in(const std::string& folder) {
  Ideas names;
  if (!fs::exists(kRoot / folder)) return names;
  for (const auto& entry : fs::directory_iterator(kRoot / folder)) {
    if (entry.is_directory() && !fs::is_empty(entry.path())) names.insert(entry.path().filename());
    if (entry.is_regular_file() && is_source(entry.path())) names.insert(entry.path().stem());
  }
  return names;
}

// Is the name `IDEA_something` for another name of the list?
bool is_part(const std::string& name, const Ideas& ideas) {
  for (std::size_t i = name.find('_'); i != std::string::npos; i = name.find('_', i + 1))
    if (ideas.contains(name.substr(0, i))) return true;
  return false;
}

Ideas ideas_of_code() {
  Ideas all;
  for (const char* folder : {"reference", "cpu", "cuda"}) all.merge(names_in(folder));
  Ideas ideas;
  for (const std::string& name : all)
    if (!is_part(name, all)) ideas.insert(name);
  return ideas;
}

// Ideas with a test: tests/X_test.cpp, in a folder of tests/ too, or the folder tests/X.
Ideas tested() {
  Ideas found = names_in("tests");
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "tests")) {
    const std::string stem = entry.path().stem();
    if (is_source(entry.path()) && stem.ends_with("_test"))
      found.insert(stem.substr(0, stem.size() - 5));
  }
  return found;
}

Ideas documented() {
  Ideas found;
  for (const auto& entry : fs::directory_iterator(kRoot / "docs"))
    if (entry.path().extension() == ".md") found.insert(entry.path().stem());
  return found;
}

// "a, b" as its words, without backquotes.
std::vector<std::string> words_of(const std::string& cell) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : cell + ",") {
    if (c != ',' && c != ' ' && c != '`') word += c;
    if (c != ',') continue;
    if (!word.empty()) words.push_back(word);
    word.clear();
  }
  return words;
}

// "idea tier" -> reason. A row may name several of each.
std::map<std::string, std::string> listed() {
  std::ifstream file(kRoot / "docs/tiers.md");
  std::map<std::string, std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(cell);
    const bool is_row = cells.size() >= 4 && cells[0].empty();
    const bool is_head = is_row && words_of(cells[1]) == std::vector<std::string>{"idea"} &&
                         words_of(cells[2]) == std::vector<std::string>{"tier"};
    if (!is_row || is_head || cells[1].find("---") != std::string::npos) {
      inside = is_head || (inside && is_row);
      continue;
    }
    if (!inside) continue;
    for (const std::string& idea : words_of(cells[1]))
      for (const std::string& tier : words_of(cells[2])) rows[idea + " " + tier] = cells[3];
  }
  return rows;
}

TEST(Mirrors, EveryIdeaIsInEveryTierOrListedWithItsReason) {
  const std::map<std::string, Ideas> present{{"reference", names_in("reference")},
                                             {"cpu", names_in("cpu")},
                                             {"cuda", names_in("cuda")},
                                             {"tests", tested()},
                                             {"docs", documented()}};
  const Ideas ideas = ideas_of_code();
  ASSERT_TRUE(ideas.contains("router") && ideas.contains("numerics"));
  const std::map<std::string, std::string> reasons = listed();
  std::set<std::string> missing;
  for (const std::string& idea : ideas)
    for (const std::string& tier : kTiers)
      if (!present.at(tier).contains(idea)) missing.insert(idea + " " + tier);
  for (const std::string& gap : missing) {
    const auto reason = reasons.find(gap);
    EXPECT_TRUE(reason != reasons.end() && reason->second.size() > 3)
        << "no mirror of \"" << gap << "\" and no reason in docs/tiers.md; write it, or add a row\n"
        << "| " << gap.substr(0, gap.find(' ')) << " | " << gap.substr(gap.find(' ') + 1)
        << " | ... |";
  }
  for (const auto& [row, reason] : reasons)
    EXPECT_TRUE(missing.contains(row)) << "docs/tiers.md lists \"" << row << "\", which is there";
}

}  // namespace
