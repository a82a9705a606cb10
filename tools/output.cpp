#include "tools/output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace moe::tools {
namespace {

Terminal look() {
  Terminal t;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  t.colour = is_terminal && !dumb && (no_color == nullptr || *no_color == '\0');
  winsize size{};
  if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    t.columns = size.ws_col;
  else if (const char* columns = std::getenv("COLUMNS"); columns != nullptr)
    t.columns = std::atoi(columns);
  t.columns = t.columns <= 0 ? 80 : std::clamp(t.columns, 60, 120);
  return t;
}

std::string_view code(Ink ink) {
  switch (ink) {
    case Ink::title: return "1";
    case Ink::dim: return "2";
    case Ink::good: return "1;32";
    case Ink::bad: return "1;31";
    case Ink::warn: return "33";
    case Ink::accent:
    case Ink::bar: return "36";
    case Ink::busy: return "33";
    case Ink::idle: return "31";
    case Ink::plain: break;
  }
  return "";
}

}  // namespace

const Terminal& terminal() {
  static const Terminal t = look();
  return t;
}

std::string paint(Ink ink, std::string_view text) {
  const std::string_view c = code(ink);
  if (!terminal().colour || c.empty() || text.empty()) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", c, text);
}

std::string mark(bool ok) { return ok ? paint(Ink::good, "✔") : paint(Ink::bad, "✘"); }

int width_of(std::string_view text) {
  int width = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\033')
      while (i < text.size() && text[i] != 'm') i++;
    else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80)  // the first byte of a character
      width++;
  }
  return width;
}

std::string repeat(std::string_view text, int n) {
  std::string s;
  for (int i = 0; i < n; i++) s += text;
  return s;
}

std::string left(std::string_view text, int width) { return std::string(text) + repeat(" ", width - width_of(text)); }

std::string right(std::string_view text, int width) { return repeat(" ", width - width_of(text)) + std::string(text); }

std::string grouped(Index n) {
  std::string s = std::to_string(n);
  for (auto at = static_cast<Index>(s.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) s.insert(static_cast<std::size_t>(at), ",");
  return s;
}

std::string brief(double x) {
  if (!std::isfinite(x)) return fmt::format("{}", x);
  static constexpr std::array<const char*, 5> kUnits{"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  while (std::abs(x) >= 999.5 && unit + 1 < kUnits.size()) {
    x /= 1000;
    unit++;
  }
  const double a = std::abs(x);
  const int digits = unit == 0 && x == std::floor(x) ? 0 : a < 9.995 ? 2 : a < 99.95 ? 1 : 0;
  if (a > 0 && a < 0.01) return fmt::format("{:.1e}", x);
  return fmt::format("{:.{}f}{}", x, digits, kUnits[unit]);
}

std::string hex16(std::uint64_t x) { return fmt::format("{:016x}", x); }

std::vector<std::string> wrap(const std::vector<std::string>& items, std::string_view separator, int width) {
  std::vector<std::string> lines;
  for (const std::string& item : items) {
    if (!lines.empty() && width_of(lines.back()) + width_of(separator) + width_of(item) <= width)
      lines.back() += std::string(separator) + item;
    else
      lines.push_back(item);
  }
  return lines;
}

std::vector<std::string> bar_chart(std::span<const double> values, double full, double even, int width, int height) {
  static constexpr std::array<const char*, 9> kEighths{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::vector<std::string> lines(static_cast<std::size_t>(height));
  for (const double value : values) {
    int eighths = full > 0 ? static_cast<int>(std::lround(value / full * 8 * height)) : 0;
    eighths = std::clamp(eighths, value > 0 ? 1 : 0, 8 * height);
    const Ink ink = value < even / 4 ? Ink::idle : value > 2 * even ? Ink::busy : Ink::bar;
    for (int row = 0; row < height; row++) {
      const int in_row = std::clamp(eighths - 8 * (height - 1 - row), 0, 8);
      const bool nobody = value <= 0 && row == height - 1;  // a dot where there is no bar
      const std::string cell = nobody ? "·" : kEighths[static_cast<std::size_t>(in_row)];
      const int bar = std::max(1, width - 1);
      lines[static_cast<std::size_t>(row)] += (in_row == 0 && !nobody ? repeat(" ", bar) : paint(ink, repeat(cell, bar))) + repeat(" ", width - bar);
    }
  }
  return lines;
}

std::string Table::text() const {
  std::vector<int> widths;
  for (const auto& row : rows_)
    for (std::size_t c = 0; c < row.size(); c++) {
      if (c >= widths.size()) widths.push_back(0);
      widths[c] = std::max(widths[c], width_of(row[c]));
    }
  std::string s;
  for (std::size_t r = 0; r < rows_.size(); r++) {
    std::string line;
    for (std::size_t c = 0; c < rows_[r].size(); c++) {
      // A column is numbers if its first cell under the heading starts with a digit.
      const std::string probe = rows_.size() > 1 && c < rows_[1].size() ? rows_[1][c] : "";
      const bool number = !probe.empty() && (std::isdigit(static_cast<unsigned char>(probe[0])) != 0 || probe[0] == '-');
      const std::string cell = r == 0 ? paint(Ink::dim, rows_[r][c]) : rows_[r][c];
      line += "  " + (number ? right(cell, widths[c]) : left(cell, widths[c]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    s += line + "\n";
  }
  return s;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const Json& json) { print(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"); }

void note(std::string_view text) { fmt::print(stderr, "moe: {}\n", text); }

}  // namespace moe::tools
