#include "tests/bench/reporter.h"

#include <fmt/format.h>

#include <cstdio>

namespace moe::bench {
namespace {

double counter(const benchmark::BenchmarkReporter::Run& run, const char* name) {
  const auto it = run.counters.find(name);
  return it == run.counters.end() ? 0 : it->second.value;
}

std::string ratio(double value) { return value == 0 ? "" : fmt::format("{:.2f}x", value); }

}  // namespace

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    const std::string& name = run.run_name.function_name;
    const std::size_t at = name.rfind("/engine:");
    const std::string cell = name.substr(0, at), engine = name.substr(at + 8);
    const bool packing = cell.starts_with("packing/");
    if (cell != cell_ && packing) {
      fmt::print("\n{}   memory as a share of the weights\n  {:22} {:>10} {:>16} {:>10} {:>10} {:>10}\n", cell, "engine", "ms",
                 "GB/s of source", "prepared", "T = 16", "T = 2048");
      cell_ = cell;
    } else if (cell != cell_) {
      fmt::print("\n{}   this machine: {:.0f} GFLOP/s, {:.1f} GB/s\n", cell,
                 counter(run, "ceiling_fma_gflops"), counter(run, "ceiling_read_gbytes_per_second"));
      fmt::print("  {:22} {:>10} {:>10} {:>9} {:>5} {:>7} {:>5} {:>8}  {:>9} {:>9}\n", "engine",
                 "ms", "tok/s", "GFLOP/s", "%", "GB/s", "%", "ceiling", "/f32 peer", "/16 bit");
      cell_ = cell;
    }
    if (run.error_occurred) {
      fmt::print("  {:22} {}\n", engine, run.error_message);
    } else if (packing) {
      fmt::print("  {:22} {:10.3f} {:16.2f} {:10.3f} {:10.3f} {:10.3f}\n", engine, run.GetAdjustedRealTime(),
                 counter(run, "source_gbytes_per_second"), counter(run, "memory_prepared"), counter(run, "memory_few_tokens"),
                 counter(run, "memory_many_tokens"));
    } else {
      const double share = counter(run, "share_of_ceiling");
      fmt::print("  {:22} {:10.3f} {:10.1f} {:9.1f} {:5.0f} {:7.1f} {:5.0f} {:7.0f}%  {:>9} {:>9}\n",
                 engine, 1e3 * run.GetAdjustedRealTime() / 1e3, counter(run, "tokens_per_second"),
                 counter(run, "gflops"), 100 * counter(run, "share_of_fma"),
                 counter(run, "weight_gbytes_per_second"), 100 * counter(run, "share_of_read"),
                 100 * share, ratio(counter(run, "to_best_f32_peer")),
                 ratio(counter(run, "to_best_16bit_peer")));
    }
  }
  std::fflush(stdout);
}

}  // namespace moe::bench
