// moe model: the MoE layers of a Hugging Face checkpoint folder on every tier.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "reference/accounting/parameters.h"
#include "reference/error.h"
#include "reference/io/hugging_face.h"
#include "reference/io/safetensors.h"
#include "reference/io/trace_file.h"
#include "reference/numerics/philox.h"
#include "tools/commands.h"
#include "tools/health.h"
#include "tools/report.h"

namespace moe::tools {
namespace {

struct Request {
  std::string folder, layers = "all", input;
  Options options;
};

constexpr Index kGeneratedTokens = 16;

std::vector<Index> chosen_layers(const std::string& text, const io::ModelInfo& info, const std::string& folder) {
  if (text == "all") return info.moe_layers;
  std::vector<Index> layers;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) {
    Index layer = -1;
    const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), layer);
    if (failed != std::errc() || end != word.data() + word.size() || layer < 0)
      throw Error(fmt::format("--layers: expected all, or numbers with commas between, found '{}'", text));
    if (std::find(info.moe_layers.begin(), info.moe_layers.end(), layer) == info.moe_layers.end())
      throw Error(fmt::format("{}: --layers: expected a layer with experts (one of {}), found {}", folder, fmt::join(info.moe_layers, ", "), layer));
    if (std::find(layers.begin(), layers.end(), layer) != layers.end())
      throw Error(fmt::format("--layers: expected every layer once, found {} twice", layer));
    layers.push_back(layer);
  }
  if (layers.empty()) throw Error("--layers: expected all, or numbers with commas between, found nothing");
  return layers;
}

// Where the tokens come from: the file named, the folder's capture, or nowhere.
std::optional<io::ArrayTable> open_input(const Request& request) {
  if (!request.input.empty()) return io::read_safetensors(request.input);
  const std::string capture = request.folder + "/capture.safetensors";
  if (std::filesystem::exists(capture)) {
    note("input: " + capture);
    return io::read_safetensors(capture);
  }
  note(fmt::format("input: {} generated tokens, normal", kGeneratedTokens));
  return std::nullopt;
}

// Element i of layer L's tokens is a standard Gaussian that depends on L and i alone.
Matrix generated_tokens(Index layer, Index D) {
  constexpr std::uint64_t kSeed = 1;
  constexpr std::uint32_t kPurpose = 0x746f6b;
  const numerics::Stream stream{.seed = kSeed, .purpose = kPurpose, .step = static_cast<std::uint32_t>(layer)};
  Matrix x(kGeneratedTokens, D);
  for (Index i = 0; i < x.size(); i++) x.data()[i] = numerics::random_normal(stream, static_cast<std::uint64_t>(i));
  return x;
}

// Stage names of several layers in one file: layers.L.STAGE.
void append(Recording& all, const Recording& trace, Index layer, bool several) {
  for (const Stage& stage : trace.stages) {
    all.stages.push_back(stage);
    if (several) all.stages.back().name = fmt::format("layers.{}.{}", layer, stage.name);
  }
}

Json parameters_json(const SparseLayer& layer, const Report& report) {
  const accounting::LayerParameters p = accounting::count(layer, integers(report.run.runs.front().trace, "selected"));
  return {{"total", p.total.sum()}, {"active", p.active.sum()}, {"touched", p.touched.sum()}};
}

int run(const Request& request) {
  const Options& options = request.options;
  const Selection selection = select(options.tiers);
  const io::Model model(request.folder);
  const std::vector<Index> layers = chosen_layers(request.layers, model.info(), request.folder);
  const std::optional<io::ArrayTable> input = open_input(request);
  Json json{{"model", request.folder}, {"model_type", model.info().model_type}, {"layers", Json::array()}};
  bool equal = true, ok = true;
  Recording all;
  for (const Index L : layers) {
    const Layer loaded = model.load_layer(L);
    const SparseLayer& layer = std::get<SparseLayer>(loaded);
    const Capture capture = input ? read_capture(*input, L, sizes(layer)) : Capture{generated_tokens(L, sizes(layer).width), {}};
    const Report report = examine(loaded, capture.input, capture.expected, selection,
                                  {.threads = options.threads, .weights = weight_format(options.weights).value_or(narrowest(loaded))});
    equal = equal && report.equal();
    ok = ok && report.ok();
    if (!options.out.empty()) append(all, report.run.runs.front().trace, L, layers.size() > 1);
    if (options.json) {
      Json entry{{"layer", L}, {"file", request.folder}, {"variant", "sparse"}};
      add_report(entry, report, selection);
      entry["parameters"] = parameters_json(layer, report);
      entry["health"] = health_json(layer, report.run.runs.front().trace);
      json["layers"].push_back(entry);
    } else {
      if (L == layers.front()) print(fmt::format("{}  {}\n", paint(Ink::title, request.folder), describe(selection)));
      print(fmt::format("\n{}  {}, T {}\n", paint(Ink::title, fmt::format("layer {}", L)), describe(sizes(layer)), capture.input.rows()));
      print(describe_health(layer, report.run.runs.front().trace));
      print(describe(report, fmt::format("moe model {} --layers {}", quoted(request.folder), L)));
    }
  }
  if (!options.out.empty()) io::write_trace(options.out, all);
  json["equal"] = equal;
  json["ok"] = ok;
  json["skipped"] = skipped_json(selection);
  if (options.json) print_json(json);
  return ok ? kFine : kDifferent;
}

}  // namespace

Command model_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("DIR", request->folder, "a folder with config.json and .safetensors")->required();
  app.add_option("--layers", request->layers, "which MoE layers: all, or numbers with commas between (default: all)");
  app.add_option("--input", request->input,
                 "a .safetensors with layers.L.input, and expectations where it has them (default: DIR/capture.safetensors, else generated)");
  add_options(app, request->options);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
