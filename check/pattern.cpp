#include "check/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "reference/numerics/bits.h"

namespace moe::check {
namespace {

// The box around all differences.
struct Box {
  Index top, bottom, left, right;  // inclusive
  Index height() const { return bottom - top + 1; }
  Index width() const { return right - left + 1; }
};

Box box_of(const Differences& d) {
  Box box{d.rows, -1, d.cols, -1};
  for (const Index i : d.at) {
    box.top = std::min(box.top, i / d.cols);
    box.bottom = std::max(box.bottom, i / d.cols);
    box.left = std::min(box.left, i % d.cols);
    box.right = std::max(box.right, i % d.cols);
  }
  return box;
}

float as_float(std::uint32_t bits) {
  return numerics::from_bits(bits);
}

// ------------------------------------------------------------------- how the values differ

// Is every differing value the expected one of the place (rows, cols) before it? Not told from one
// value, nor from equal ones.
bool shifted(const Differences& d, Index rows, Index cols) {
  std::set<std::uint32_t> values;
  Index told = 0;
  for (const Index i : d.at) {
    const Index r = i / d.cols - rows;
    const Index c = i % d.cols - cols;
    if (r < 0 || r >= d.rows || c < 0 || c >= d.cols) continue;  // shifted in from outside
    if (d.found[std::size_t(i)] != d.expected[std::size_t(r * d.cols + c)]) return false;
    values.insert(d.found[std::size_t(i)]);
    told++;
  }
  const auto all = static_cast<Index>(d.at.size());
  return told >= 2 && values.size() >= 2 && 2 * told > all;
}

bool transposed(const Differences& d, Index top, Index left, Index size) {
  if (size < 2 || top + size > d.rows || left + size > d.cols) return false;
  for (Index r = 0; r < size; r++)
    for (Index c = 0; c < size; c++) {
      const auto here = std::size_t((top + r) * d.cols + left + c);
      const auto there = std::size_t((top + c) * d.cols + left + r);
      if (d.found[here] != d.expected[there]) return false;
    }
  return true;
}

// A square block around the differences whose two sides were swapped.
bool block_transposed(const Differences& d, const Box& box) {
  const Index size = std::max(box.height(), box.width());
  for (Index top = std::max<Index>(0, box.bottom - size + 1); top <= box.top; top++)
    for (Index left = std::max<Index>(0, box.right - size + 1); left <= box.left; left++)
      if (transposed(d, top, left, size)) return true;
  return false;
}

// The whole matrix written column by column.
bool stored_by_columns(const Differences& d) {
  if (d.rows < 2 || d.cols < 2) return false;
  for (Index r = 0; r < d.rows; r++)
    for (Index c = 0; c < d.cols; c++)
      if (d.found[std::size_t(c * d.rows + r)] != d.expected[std::size_t(r * d.cols + c)])
        return false;
  return true;
}

std::vector<std::uint32_t> row_of(const std::vector<std::uint32_t>& values, Index r, Index cols) {
  return {values.begin() + r * cols, values.begin() + (r + 1) * cols};
}

bool rows_permuted(const Differences& d) {
  if (d.cols < 2) return false;
  std::map<std::vector<std::uint32_t>, Index> count;
  std::set<Index> rows;
  for (const Index i : d.at) rows.insert(i / d.cols);
  for (const Index r : rows) {
    count[row_of(d.expected, r, d.cols)]++;
    count[row_of(d.found, r, d.cols)]--;
  }
  return rows.size() >= 2 &&
         std::all_of(count.begin(), count.end(), [](const auto& c) { return c.second == 0; });
}

std::string how_integers(const Differences& d) {
  if (shifted(d, 0, 1)) return "shifted by one column";
  if (shifted(d, 0, -1)) return "shifted by one column, backwards";
  if (shifted(d, 1, 0)) return "shifted by one row";
  if (shifted(d, -1, 0)) return "shifted by one row, backwards";
  if (d.stage == "selected") {
    bool same_sets = true;
    for (Index r = 0; r < d.rows; r++) {
      auto a = row_of(d.expected, r, d.cols);
      auto b = row_of(d.found, r, d.cols);
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      same_sets = same_sets && a == b;
    }
    if (same_sets) return "the same experts in another order: ties or slots";
  }
  return rows_permuted(d) ? "rows permuted" : "";
}

// Sizes of the differences; numbers only.
std::uint64_t largest_distance(const Differences& d, bool& nan) {
  std::uint64_t worst = 0;
  for (const Index i : d.at) {
    const float a = as_float(d.expected[std::size_t(i)]);
    const float b = as_float(d.found[std::size_t(i)]);
    nan = nan || numerics::is_nan(a) || numerics::is_nan(b);
    worst = std::max(worst, numerics::ulp_distance(a, b));
  }
  return worst;
}

// All wrong values are one value, or NaN throughout.
std::string how_constant(const Differences& d) {
  const std::uint32_t value = d.found[std::size_t(d.at[0])];
  for (const Index i : d.at)
    if (d.found[std::size_t(i)] != value) return "";
  if (numerics::is_nan(as_float(value)))
    return "every wrong value is NaN: created or never written";
  if (d.at.size() < 2) return "";
  return fmt::format("every wrong value is {:g}: skipped or never written", as_float(value));
}

bool negated(const Differences& d) {
  return std::all_of(d.at.begin(), d.at.end(), [&](Index i) {
    return (d.expected[std::size_t(i)] ^ d.found[std::size_t(i)]) == 0x80000000u;
  });
}

std::string how_floats(const Differences& d, const Box& box) {
  bool nan = false;
  const std::uint64_t worst = largest_distance(d, nan);
  if (worst == 0) return "sign of zero only";
  if (std::string constant = how_constant(d); !constant.empty()) return constant;
  if (stored_by_columns(d)) return "transposed: written column by column";
  if (block_transposed(d, box)) return "transposed within a block";
  if (shifted(d, 0, 1)) return "shifted by one column";
  if (shifted(d, 0, -1)) return "shifted by one column, backwards";
  if (shifted(d, 1, 0)) return "shifted by one row";
  if (shifted(d, -1, 0)) return "shifted by one row, backwards";
  if (rows_permuted(d)) return "rows permuted";
  if (negated(d)) return "the sign is wrong";
  if (nan) return "NaN against numbers";
  if (worst <= 4)
    return fmt::format("all within {} ULP: another order of a sum, or one rounding too many",
                       worst);
  const auto few = std::count_if(d.at.begin(), d.at.end(), [&](Index i) {
    return numerics::ulp_distance(as_float(d.expected[std::size_t(i)]),
                                  as_float(d.found[std::size_t(i)])) <= 16;
  });
  if (10 * few >= 9 * static_cast<Index>(d.at.size()) && d.at.size() >= 10)
    return "most within 16 ULP: another order of a sum";
  return "";
}

// ------------------------------------------------------------------- where they lie

// Rows of one expert, or nothing.
std::string where_expert(const Differences& d) {
  std::set<Index> experts;
  if (d.by_row_of_expert() && d.owners != nullptr &&
      static_cast<Index>(d.owners->expert.size()) == d.rows) {
    for (const Index i : d.at) experts.insert(d.owners->expert[std::size_t(i / d.cols)]);
    const std::set<Index> all(d.owners->expert.begin(), d.owners->expert.end());
    if (experts.size() == 1 && all.size() > 1)
      return fmt::format("only rows of expert {}", *experts.begin());
  }
  if (d.by_expert_column()) {
    for (const Index i : d.at) experts.insert(i % d.cols);
    if (experts.size() == 1 && d.cols > 1) return fmt::format("only expert {}", *experts.begin());
  }
  return "";
}

std::string where_columns(const Differences& d, const Box& box) {
  if (box.width() == d.cols) return "";
  if (box.width() == 1) return fmt::format("only column {}", box.left);
  if (box.right == d.cols - 1 && (2 * box.width() <= d.cols || box.left % 4 == 0))
    return fmt::format("only the last {} of {} columns (a tail)", box.width(), d.cols);
  return fmt::format("only columns {} to {}", box.left, box.right);
}

std::string where_rows(const Differences& d, const Box& box) {
  if (box.height() == d.rows) return "";
  const bool tokens = !d.by_row_of_expert();
  if (box.height() == 1) return fmt::format("only {} {}", tokens ? "token" : "row", box.top);
  if (box.bottom == d.rows - 1 && (2 * box.height() <= d.rows || box.top % 4 == 0))
    return fmt::format("only the last {} of {} {} (a tail)", box.height(), d.rows,
                       tokens ? "tokens" : "rows");
  return fmt::format("only {} {} to {}", tokens ? "tokens" : "rows", box.top, box.bottom);
}

void join(std::string& text, const std::string& more) {
  if (more.empty()) return;
  if (!text.empty()) text += "; ";
  text += more;
}

}  // namespace

RowOwners row_owners(const Recording& recording) {
  const Stage* selected = recording.find("selected");
  const Stage* positions = recording.find("positions");
  if (selected == nullptr || positions == nullptr || selected->shape.size() != 2) return {};
  const auto* experts = std::get_if<std::vector<std::int32_t>>(&selected->values);
  const auto* rows = std::get_if<std::vector<std::int32_t>>(&positions->values);
  if (experts == nullptr || rows == nullptr || experts->size() != rows->size()) return {};
  RowOwners owners;
  const std::size_t R = rows->size();
  for (auto* list : {&owners.expert, &owners.token, &owners.slot}) list->assign(R, -1);
  const Index K = selected->shape[1];
  for (std::size_t i = 0; i < R; i++) {
    const auto row = static_cast<std::size_t>((*rows)[i]);
    if (row >= R) return {};
    owners.expert[row] = (*experts)[i];
    owners.token[row] = static_cast<Index>(i) / K;
    owners.slot[row] = static_cast<Index>(i) % K;
  }
  return owners;
}

std::string element_name(const Differences& d, Index flat) {
  const Index r = flat / d.cols;
  const Index c = flat % d.cols;
  if (d.by_row_of_expert()) {
    const std::string column = fmt::format("{} {}", d.stage == "hidden" ? "f" : "d", c);
    if (d.owners == nullptr || static_cast<Index>(d.owners->expert.size()) != d.rows)
      return fmt::format("row {}, {}", r, column);
    const auto row = std::size_t(r);
    return fmt::format("row {} (expert {}, from token {}, slot {}), {}", r, d.owners->expert[row],
                       d.owners->token[row], d.owners->slot[row], column);
  }
  if (d.by_expert_column()) return fmt::format("token {}, expert {}", r, c);
  const bool slots = d.stage == "selected" || d.stage == "weights" || d.stage == "positions";
  return fmt::format("token {}, {} {}", r, slots ? "slot" : "d", c);
}

std::string guess_pattern(const Differences& d) {
  const Box box = box_of(d);
  std::string text;
  if (d.at.size() == 1) {
    text = "one value";
  } else {
    const std::string expert = where_expert(d);
    join(text, expert);
    if (!(d.by_expert_column() && !expert.empty())) join(text, where_columns(d, box));
    if (expert.empty() || d.by_expert_column() || box.height() == 1) join(text, where_rows(d, box));
  }
  if (text.empty()) text = 10 * d.at.size() >= 9 * d.expected.size() ? "everywhere" : "scattered";
  join(text, d.integers ? how_integers(d) : how_floats(d, box));
  return text;
}

}  // namespace moe::check
