// The command line. Every subcommand is a file of its own beside this one.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <new>

#include "reference/error.h"
#include "tools/commands.h"

namespace moe::tools {
namespace {

struct Entry {
  const char* name;
  const char* help;
  Command (*declare)(CLI::App&);
};

constexpr Entry kEntries[] = {
    {"demo", "the bundled trained checkpoints through every tier", demo_command},
    {"list", "variants, presets, tiers, elementary functions", list_command},
    {"layer", "run a layer file (.npz) on each tier and compare", layer_command},
    {"model", "run the MoE layers of a Hugging Face checkpoint folder", model_command},
    {"case", "run a generated case, given as one line of text", case_command},
    {"compare", "compare two traces (.npz) bit for bit", compare_command},
    {"account", "what a model costs: parameters, bytes, FLOPs, traffic", account_command},
    {"bench", "measure the speed of one tier on one layer", bench_command},
};

// One line, whatever the message holds.
int complain(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "moe: {}\n", message);
  return kBadInput;
}

// Throws Error for a first word that is no subcommand: CLI11 would only say that one is required.
void expect_subcommand(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::string known;
  for (const Entry& entry : kEntries) {
    if (std::string(argv[1]) == entry.name) return;
    known += std::string(known.empty() ? "" : ", ") + entry.name;
  }
  throw Error(fmt::format("expected one of {}, found '{}'", known, argv[1]));
}

int run(int argc, char** argv) {
  expect_subcommand(argc, argv);
  CLI::App app{"ExactMoE: Mixture-of-Experts layers whose bits every tier reproduces.", "moe"};
  app.require_subcommand(1);
  app.set_version_flag("--version", EXACTMOE_VERSION);
  std::map<const CLI::App*, Command> commands;
  for (const Entry& entry : kEntries) {
    CLI::App* sub = app.add_subcommand(entry.name, entry.help);
    commands[sub] = entry.declare(*sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const std::string name = chosen.empty() ? "moe" : "moe " + chosen.front()->get_name();
    return complain(fmt::format("{} (see {} --help)", error.what(), name));
  }
  int status = commands.at(app.get_subcommands().front())();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) status = complain("could not write to standard output");
  return status;
}

}  // namespace

void add_json(CLI::App& app, Options& options) {
  app.add_flag("--json", options.json, "one JSON object on standard output, nothing else");
}

void add_options(CLI::App& app, Options& options, bool out) {
  app.add_option("--tier", options.tiers, "tiers, with commas between: reference,cpu,cuda,cuda-emulated (default: all that run here)");
  app.add_option("--threads", options.threads, "threads of each tier (default: one for each processor)")->check(CLI::Range(1, 4096));
  app.add_option("--weights", options.weights, "how the cpu tier keeps the weights: f32, bf16 or f16")->check(CLI::IsMember({"f32", "bf16", "f16"}));
  if (out) app.add_option("--out", options.out, "write every stage of the first tier to this .npz")->check([](const std::string& path) {
    return path.empty() ? std::string("--out: expected a file name, found an empty one") : std::string();
  });
  add_json(app, options);
}

}  // namespace moe::tools

int main(int argc, char** argv) {
  try {
    return moe::tools::run(argc, argv);
  } catch (const std::bad_alloc&) {
    return moe::tools::complain("not enough memory");
  } catch (const std::exception& error) {
    return moe::tools::complain(error.what());
  }
}
