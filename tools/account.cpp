// moe account: the parameters of a model's MoE layers, from its config.json alone.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "reference/accounting/parameters.h"
#include "reference/error.h"
#include "reference/io/model_info.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace moe::tools {
namespace {

struct Request {
  std::string model;
  Index tokens = 1;
  Options options;
};

constexpr const char* kNotCounted[] = {"embedding", "lm_head", "attention", "dense_ffn", "norms", "mtp"};

std::string folder_of(const std::string& path) {
  namespace fs = std::filesystem;
  if (fs::is_directory(path)) return path;
  if (fs::path(path).filename() == "config.json") return fs::path(path).has_parent_path() ? fs::path(path).parent_path().string() : ".";
  throw Error(path + ": expected a folder with config.json, or a config.json");
}

accounting::LayerKind kind_of(const io::ModelInfo& info) {
  const Preset& row = preset(info.preset);
  return {.sizes = info.sizes,
          .gated = info.activation.gated,
          .router_bias = row.router_bias,
          .selection_bias = info.router.key == SelectionKey::score_plus_bias,
          .expert_biases = row.expert_biases,
          .shared_gate = info.shared == SharedKind::sigmoid_gated};
}

struct Component {
  const char* name;
  Index accounting::Parameters::*count;
};

constexpr Component kComponents[] = {{"router", &accounting::Parameters::router},
                                     {"routed_experts", &accounting::Parameters::routed_experts},
                                     {"shared_experts", &accounting::Parameters::shared_experts}};

int run(const Request& request) {
  const io::ModelInfo info = io::read_model_info(folder_of(request.model));
  const accounting::LayerParameters one = accounting::count(kind_of(info), request.tokens);
  const auto layers = static_cast<Index>(info.moe_layers.size());
  if (request.options.json) {
    Json json{{"model", request.model}, {"model_type", info.model_type}, {"components", Json::object()}};
    for (const Component& c : kComponents)
      json["components"][c.name] = {{"total", layers * (one.total.*c.count)}, {"active", layers * (one.active.*c.count)}};
    json["moe"] = {{"layers", layers},
                   {"total", layers * one.total.sum()},
                   {"active", layers * one.active.sum()},
                   {"tokens", request.tokens},
                   {"touched_at_most", layers * one.touched.sum()}};
    json["not_counted"] = kNotCounted;
    print_json(json);
    return kFine;
  }
  print(fmt::format("{}  {}: {} of {} layers have experts (E {}, K {}, D {}, F {})\n\n", paint(Ink::title, request.model), info.model_type, layers,
                    info.layers, info.sizes.experts, info.sizes.chosen, info.sizes.width, info.sizes.hidden));
  Table table({"component", "total", "active per token", fmt::format("touched by {} tokens, at most", request.tokens)});
  for (const Component& c : kComponents)
    table.add({c.name, grouped(layers * (one.total.*c.count)), grouped(layers * (one.active.*c.count)), grouped(layers * (one.touched.*c.count))});
  table.add({"all MoE layers", grouped(layers * one.total.sum()), grouped(layers * one.active.sum()), grouped(layers * one.touched.sum())});
  print(table.text());
  print(paint(Ink::dim, fmt::format("\n  not counted: {}", fmt::join(kNotCounted, ", "))) + "\n");
  return kFine;
}

}  // namespace

Command account_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("MODEL", request->model, "a checkpoint folder, or its config.json")->required();
  app.add_option("--tokens", request->tokens, "tokens of the batch whose touched parameters are shown (default: 1)")->check(CLI::Range(Index{1}, Index{1} << 31));
  add_json(app, request->options);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
