// The subcommands of moe: each declares its options and returns what runs it.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace moe::tools {

/// Exit statuses.
inline constexpr int kFine = 0;        ///< all fine
inline constexpr int kDifferent = 1;   ///< a comparison found a difference
inline constexpr int kBadInput = 2;    ///< bad usage or bad input

/// Runs a subcommand whose options have been read; returns the exit status, or throws Error for bad input.
using Command = std::function<int()>;

Command demo_command(CLI::App& app);
Command list_command(CLI::App& app);
Command layer_command(CLI::App& app);
Command model_command(CLI::App& app);
Command case_command(CLI::App& app);
Command compare_command(CLI::App& app);
Command account_command(CLI::App& app);
Command bench_command(CLI::App& app);

/// Options shared by the subcommands that compute.
struct Options {
  std::string tiers;            ///< names with commas; empty: all that run here
  int threads = 0;              ///< 0: as many as there are processors
  std::string out;              ///< trace of the first tier, or empty
  std::string weights;          ///< how the cpu tier keeps the weights: f32, bf16, f16, or empty: the command's choice
  bool json = false;
};

/// Declares --json.
void add_json(CLI::App& app, Options& options);

/// Declares --tier, --threads, --weights and --json; with `out`, --out too.
void add_options(CLI::App& app, Options& options, bool out = true);

}  // namespace moe::tools
