// moe demo: the bundled trained checkpoints through every tier.
#include "tools/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "reference/error.h"
#include "reference/io/hugging_face.h"
#include "reference/io/safetensors.h"
#include "reference/numerics/fingerprint.h"
#include "tools/commands.h"

namespace moe::tools {
namespace {

constexpr double kSecondsForSpeed = 0.04;  // spent on timing a tier on a layer

struct Request {
  std::string data = EXACTMOE_CHECKPOINTS;
  Options options;
};

// A line on a terminal that says what is being done, and goes away.
void busy(const std::string& text) {
  if (isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\r\033[K{}", text.empty() ? "" : paint(Ink::dim, "  " + text + " …"));
  std::fflush(stderr);
}

void add(accounting::Parameters& sum, const accounting::Parameters& p) {
  sum.router += p.router;
  sum.routed_experts += p.routed_experts;
  sum.shared_experts += p.shared_experts;
}

void add_parameters(CheckpointResult& c, const SparseLayer& layer, const IntMatrix& selected) {
  const accounting::LayerParameters p = accounting::count(layer, selected);
  add(c.parameters.total, p.total);
  add(c.parameters.active, p.active);
  add(c.parameters.touched, p.touched);
}

void add_verdicts(CheckpointResult& c, const std::vector<Verdict>& verdicts) {
  for (const Verdict& v : verdicts) {
    if (v.name == "selected") {
      c.choices += v.compared;
      c.agreeing += v.compared - v.mismatches;
      continue;
    }
    if (!(v.share <= c.share)) c.share = v.share;
    if (v.name == "output") c.max_abs_error = std::max(c.max_abs_error, v.max_abs_error);
  }
}

void add_layer(CheckpointResult& c, Index L, const SparseLayer& layer, const Report& report, const std::string& folder) {
  const IntMatrix selected = integers(report.run.runs.front().trace, "selected");
  c.tokens = selected.rows();
  c.loads.push_back({L, expert_load(selected, sizes(layer).experts)});
  c.values += report.run.values();
  c.differing += report.run.differing();
  c.equal = c.equal && report.equal();
  c.ok = c.ok && report.ok() && !report.verdicts.empty();
  c.fingerprint = numerics::mix(c.fingerprint + report.run.fingerprint());
  add_verdicts(c, report.verdicts);
  add_parameters(c, layer, selected);
  c.seconds.resize(report.run.runs.size());
  for (std::size_t i = 0; i < c.seconds.size(); i++) c.seconds[i] += report.run.runs[i].seconds;
  if (!report.ok()) c.problems += fmt::format("\n  layer {}\n", L) + describe(report, fmt::format("moe model {} --layers {}", quoted(folder), L));
}

std::vector<std::string> checkpoint_folders(const std::string& data) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(data)) throw Error(data + ": expected a folder of checkpoints, found none (see --data)");
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(data))
    if (fs::exists(entry.path() / "config.json")) folders.push_back(entry.path().string());
  if (folders.empty()) throw Error(data + ": expected folders with config.json, found none");
  // In the order of the preset table, which goes from the simplest router on.
  const auto place = [](const std::string& folder) {
    const std::string name = io::read_model_info(folder).preset;
    const auto row = std::find_if(presets().begin(), presets().end(), [&](const Preset& p) { return p.name == name; });
    return std::pair(row - presets().begin(), folder);
  };
  std::sort(folders.begin(), folders.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return folders;
}

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return "this machine";
}

std::string opening(const Selection& selection, int threads, std::size_t checkpoints) {
  const unsigned n = threads > 0 ? static_cast<unsigned>(threads) : std::max(1U, std::thread::hardware_concurrency());
  std::string ran, skipped;
  for (const check::Tier* tier : selection.tiers) ran += (ran.empty() ? "" : ", ") + tier->name;
  for (const auto& [name, reason] : selection.skipped) skipped += fmt::format("{}{} ({})", skipped.empty() ? "" : ", ", name, reason);
  std::string text = fmt::format("\n  {}  {} trained checkpoints, every tier, bit for bit\n", paint(Ink::title, "ExactMoE"), checkpoints);
  text += paint(Ink::dim, fmt::format("  {}, {} threads; tiers: {}", processor(), n, ran)) + "\n";
  if (!skipped.empty()) text += paint(Ink::warn, "  skipped: " + skipped) + "\n";
  return text + "\n";
}

struct Totals {
  Index checkpoints = 0, layers = 0, values = 0, differing = 0, choices = 0, agreeing = 0;
  double share = 0, seconds = 0;
  bool equal = true, ok = true;
};

void add(Totals& t, const CheckpointResult& c) {
  t.checkpoints++;
  t.layers += static_cast<Index>(c.loads.size());
  t.values += c.values;
  t.differing += c.differing;
  t.choices += c.choices;
  t.agreeing += c.agreeing;
  if (!(c.share <= t.share)) t.share = c.share;
  t.equal = t.equal && c.equal;
  t.ok = t.ok && c.ok;
}

// One line; what the blocks have said already is left out where the terminal is narrow.
std::string closing(const Totals& t, const Selection& selection, int columns) {
  std::string text = fmt::format("{} checkpoints · {} layers · {} tiers · {} values, {} different", t.checkpoints, t.layers,
                                 selection.tiers.size(), grouped(t.values), grouped(t.differing));
  if (columns >= 110) text += fmt::format(" · {}/{} choices · {:.2g} of the bound", t.agreeing, t.choices, t.share);
  text += fmt::format(" · {:.1f} s", t.seconds);
  return paint(Ink::accent, repeat("━", columns)) + "\n" + mark(t.ok) + " " + paint(t.ok ? Ink::good : Ink::bad, text) + "\n";
}

int run(const Request& request) {
  const Options& options = request.options;
  const Selection selection = select(options.tiers);
  const std::vector<std::string> folders = checkpoint_folders(request.data);
  const int columns = terminal().columns;
  const auto start = std::chrono::steady_clock::now();
  Json json{{"checkpoints", Json::array()}};
  Totals totals;
  if (!options.json) print(opening(selection, options.threads, folders.size()));
  for (const std::string& folder : folders) {
    std::fflush(stdout);
    busy(std::filesystem::path(folder).filename().string());
    const CheckpointResult c = run_checkpoint(folder, selection, options.threads);
    busy("");
    add(totals, c);
    if (options.json) json["checkpoints"].push_back(to_json(c, selection));
    else print(block(c, selection, columns) + "\n");
  }
  totals.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    json["values"] = totals.values;
    json["different"] = totals.differing;
    json["equal"] = totals.equal;
    json["ok"] = totals.ok;
    json["skipped"] = skipped_json(selection);
    print_json(json);
  } else {
    print(closing(totals, selection, columns));
  }
  return totals.ok ? kFine : kDifferent;
}

}  // namespace

CheckpointResult run_checkpoint(const std::string& folder, const Selection& selection, int threads) {
  const io::Model model(folder);
  const io::ArrayTable captures = io::read_safetensors(folder + "/capture.safetensors");
  CheckpointResult c;
  c.name = std::filesystem::path(folder).filename().string();
  c.info = model.info();
  c.storage = model.info().storage;
  for (const Index L : c.info.moe_layers) {
    busy(fmt::format("{}, layer {}", c.name, L));
    const Layer loaded = model.load_layer(L);
    const SparseLayer& layer = std::get<SparseLayer>(loaded);
    const Capture capture = read_capture(captures, L, sizes(layer));
    add_layer(c, L, layer, examine(loaded, capture.input, capture.expected, selection,
                                  {.threads = threads, .weights = narrowest(loaded), .seconds = kSecondsForSpeed}), folder);
  }
  return c;
}

Command demo_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("--data", request->data, "a folder of checkpoint folders (default: the bundled ones)");
  add_options(app, request->options, false);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
