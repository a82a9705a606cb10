#include "tests/bench/ladder/ladder_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "cpu/instructions.h"

namespace moe::ladder {
namespace {

constexpr Index kFew = 8;

// The value of the first line of /proc/cpuinfo that begins with `key`; empty where there is none.
std::string about_processor(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "";
}

// "AMD Zen 5", or as the processor calls itself.
std::string processor() {
  const std::string model = about_processor("model name");
  if (!model.starts_with("AMD")) return model.empty() ? "a processor without a name" : model;
  const std::string family = about_processor("cpu family");
  const bool wide = cpu::instruction_set() == "AVX3";
  if (family == "23") return "AMD Zen 1 or 2";
  if (family == "25") return wide ? "AMD Zen 4" : "AMD Zen 3";
  if (family == "26") return "AMD Zen 5";
  return model;
}

std::string vectors() {
  const std::string_view set = cpu::instruction_set();
  return set == "AVX3" ? "AVX-512" : std::string(set);
}

// "243 to 251".
std::string range(double Row::*value, int threads) {
  double low = 1e30, high = 0;
  for (const Row& row : rows()) {
    if (row.threads != threads) continue;
    low = std::min(low, row.*value);
    high = std::max(high, row.*value);
  }
  return fmt::format("{:.0f} to {:.0f}", low, high);
}

// A step's measurements, with many rows and with one; nullptr where there is none.
struct Pair {
  const Row *many, *one;
};
std::vector<Pair> pairs(Part part) {
  std::vector<Pair> all;
  for (const Row& row : rows()) {
    if (row.part != part || row.T == kFew) continue;
    const Row* before = all.empty() ? nullptr : all.back().many;
    if (row.T != 1)
      all.push_back({&row, nullptr});
    else if (before != nullptr && before->name == row.name && before->threads == row.threads)
      all.back().one = &row;
    else
      all.push_back({nullptr, &row});
  }
  return all;
}

std::string speed(const Row* row, bool many) {
  if (row == nullptr) return " | | | |";
  const std::string share =
      fmt::format(" {:.1f} % |", 100 * (many ? row->of_peak : row->of_read));
  return fmt::format(" {:.2f} | {:.1f} | {:.1f} |", row->ms, row->gflops, row->gbytes) + share;
}

std::string table(Part part) {
  const bool ladder = part == Part::ladder;
  std::string text = ladder ? "| step | idea |" : "| | tried |";
  text += " threads | 64 rows: ms | GFLOP/s | GB/s | of the peak | 1 row: ms | GFLOP/s | GB/s | of reading |\n"
          "| --: | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n";
  for (const auto& [many, one] : pairs(part)) {
    const Row& row = many != nullptr ? *many : *one;
    const bool numbered = ladder && row.name != "shipped";
    text += fmt::format("| {} | {} | {} |", numbered ? fmt::format("{}", row.number) : "", row.idea,
                        row.threads) +
            speed(many, true) + speed(one, false) + "\n";
  }
  return text;
}

// A few rows: both ceilings are near.
std::string table_of_few() {
  std::string text =
      "| tried | ms | GFLOP/s | of the peak | GB/s | of reading |\n| --- | --: | --: | --: | --: | --: |\n";
  for (const Row& row : rows())
    if (row.T == kFew)
      text += fmt::format("| {} | {:.2f} | {:.1f} | {:.1f} % | {:.1f} | {:.1f} % |\n", row.idea,
                          row.ms, row.gflops, 100 * row.of_peak, row.gbytes, 100 * row.of_read);
  return text;
}

}  // namespace

std::vector<Row>& rows() {
  static std::vector<Row> all;
  return all;
}

std::string tables() {
  const auto all = static_cast<int>(std::thread::hardware_concurrency());
  std::string text = fmt::format(
      "{}, {}, {} cores. One SwiGLU expert, D 1024, F 2816; weights from memory. Written by `./run bench --ladder`.\n\n"
      "Ceilings measured in between: one thread {} GFLOP/s of multiply-adds in registers, {} GB/s of reading",
      processor(), vectors(), all, range(&Row::peak, 1), range(&Row::read, 1));
  if (all > 1)
    text += fmt::format("; {} threads {} GFLOP/s, {} GB/s", all, range(&Row::peak, all),
                        range(&Row::read, all));
  text += ". GB/s counts each weight once. Medians; one thread by CPU time, several by the clock.\n\n";
  return text + table(Part::ladder) + "\nTried beside it:\n\n" + table(Part::tried) +
         "\nTried with 8 rows, one thread:\n\n" + table_of_few();
}

}  // namespace moe::ladder
