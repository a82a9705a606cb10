// What the command line shows: colours, columns, bars, numbers, JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reference/types.h"

namespace moe::tools {

/// Keys stay in the order in which they were set.
using Json = nlohmann::ordered_json;

/// What standard output is.
struct Terminal {
  bool colour = false;  ///< a terminal, and NO_COLOR is not set
  int columns = 80;     ///< its width, 60 to 120
};

/// The terminal of this process, looked at once.
const Terminal& terminal();

/// Meanings; paint() gives each its colour.
enum class Ink { plain, title, dim, good, bad, warn, accent, bar, busy, idle };

/// The text in that colour, or as it is where colours are off.
std::string paint(Ink ink, std::string_view text);

/// A green tick or a red cross.
std::string mark(bool ok);

/// Columns that a text takes: escape sequences take none, other characters one each.
int width_of(std::string_view text);

/// The text filled up with blanks to a width, on the right or on the left.
std::string left(std::string_view text, int width);
std::string right(std::string_view text, int width);

/// n times the same text.
std::string repeat(std::string_view text, int n);

/// 1234567 as "1,234,567".
std::string grouped(Index n);

/// 1234567 as "1.23M", 0.5 as "0.5": three digits that count.
std::string brief(double x);

/// 64 bits as 16 hexadecimal digits.
std::string hex16(std::uint64_t x);

/// Items joined with a separator, broken into lines no wider than `width`.
std::vector<std::string> wrap(const std::vector<std::string>& items, std::string_view separator, int width);

/// A bar chart: one bar per value, `width` columns each (the last of two or more stays free), `height` lines from top to bottom. A
/// bar as high as `full` fills them; a value above zero shows at least an eighth of a line. The colour says how a value compares with `even`: idle below a quarter,
/// busy above twice.
std::vector<std::string> bar_chart(std::span<const double> values, double full, double even, int width, int height);

/// Rows of cells under a heading, columns aligned; the first column to the left, numbers to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// The table, every line indented by two columns.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Writes a text to standard output.
void print(std::string_view text);

/// Writes one JSON object to standard output.
void print_json(const Json& json);

/// Writes a note to standard error.
void note(std::string_view text);

}  // namespace moe::tools
