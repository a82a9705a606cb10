// What the documents show and a person did not type: tables and numbers, computed and printed as Markdown.
#pragma once
#include <string>
#include <vector>

namespace moe::docs {

/// One generated file of docs/generated.
struct Fragment {
  std::string name;         ///< docs/generated/NAME.md
  std::string (*text)();    ///< computes it
};

/// The preset table: one row for each row of reference/presets.cpp.
std::string presets_table();
/// Parameters and arithmetic of one layer at each preset's published sizes.
std::string cost_table();
/// Token choice on four tokens and three experts, from a trace.
std::string worked_example();
/// The same logits under rules that are said to be equal.
std::string disagreements();
/// One rule of the numerics contract a row, and what breaking it does.
std::string traps();

/// A Markdown table.
class Table {
 public:
  explicit Table(std::vector<std::string> head);
  void row(const std::vector<std::string>& cells);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Shortest decimal that reads back as the same binary32 number.
std::string decimal(float x);
/// The same number in hexadecimal floating point.
std::string hexadecimal(float x);

}  // namespace moe::docs
