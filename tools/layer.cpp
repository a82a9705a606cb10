// moe layer: a layer file on every tier, and against what other software computed.
#include <fmt/format.h>

#include <memory>

#include "reference/io/layer_file.h"
#include "reference/io/trace_file.h"
#include "tools/commands.h"
#include "tools/report.h"

namespace moe::tools {
namespace {

struct Request {
  std::string file;
  Options options;
};

// The format asks for this distance, relative to the largest expected value of an array.
constexpr double kLayerFileLimit = 1e-5;

Expected expectations(const io::LayerFile& file) {
  Expected e = read_expected(file.arrays, {"out.router_logits", "out.topk_idx", "out.topk_w", "out.y"}, file.x.rows(), sizes(file.layer));
  e.relative_limit = kLayerFileLimit;
  if (const auto* sparse = std::get_if<SparseLayer>(&file.layer))
    e.ordered = sparse->router.config.score != Score::sigmoid;  // DeepSeek's own order of the chosen is not defined
  add_variant_arrays(file.arrays, file.layer, file.x.rows(), e);
  add_losses(file.arrays, file.layer, file.x, e);
  return e;
}

int run(const Request& request) {
  const Options& options = request.options;
  const Selection selection = select(options.tiers);
  const io::LayerFile file = io::read_layer_file(request.file);
  for (const std::string& key : file.ignored_keys) note(fmt::format("{}: meta.{} means nothing here", request.file, key));
  const Expected expected = expectations(file);
  if (const std::string names = not_compared(file.arrays, expected); !names.empty()) note(request.file + ": not compared: " + names);
  const Report report = examine(file.layer, file.x, expected, selection,
                                {.threads = options.threads, .weights = weight_format(options.weights).value_or(WeightFormat::f32)});
  if (!options.out.empty()) io::write_trace(options.out, report.run.runs.front().trace);
  if (report.verdicts.empty()) note(request.file + ": no expectations: ok means that the tiers are equal");
  if (options.json) {
    Json json{{"file", request.file}, {"variant", variant_name(file.layer)}};
    if (!file.name.empty()) json["name"] = file.name;
    add_report(json, report, selection);
    print_json(json);
  } else {
    print(fmt::format("{}  {}, T {}\n{}\n", paint(Ink::title, file.name.empty() ? request.file : file.name), describe(file.layer),
                      file.x.rows(), describe(selection)));
    print(describe(report, "moe layer " + quoted(request.file)));
  }
  return report.ok() ? kFine : kDifferent;
}

}  // namespace

Command layer_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("FILE", request->file, "a layer file (.npz)")->required();
  add_options(app, request->options);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
