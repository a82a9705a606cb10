// The benchmarks as tables on the terminal, a table for each cell.
#pragma once
#include <benchmark/benchmark.h>

#include <string>

namespace moe::bench {

/// Prints one line a run, and a heading where a new cell begins.
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override;

 private:
  std::string cell_;
};

}  // namespace moe::bench
