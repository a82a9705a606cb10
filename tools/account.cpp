// moe account: what a model costs, from its config.json alone.
#include "tools/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "reference/accounting/read_model.h"
#include "reference/error.h"
#include "tools/commands.h"

namespace moe::tools {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// A config that comes along, by the name of its file.
std::string bundled(const std::string& name) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(EXACTMOE_CONFIGS, none))
    if (entry.path().extension() == ".json" && lower(entry.path().stem().string()) == lower(name)) return entry.path().string();
  return "";
}

std::string path_of(const std::string& asked) {
  std::error_code none;
  if (fs::is_directory(asked, none)) {
    if (!fs::exists(fs::path(asked) / "config.json", none)) throw Error(asked + ": expected a folder with config.json, found none in it");
    return (fs::path(asked) / "config.json").string();
  }
  if (fs::exists(asked, none)) return asked;
  const std::string path = bundled(asked);
  if (path.empty()) throw Error(asked + ": expected a config.json, a folder with one, or a name that `moe account --names` lists");
  return path;
}

std::string report;

int print_names() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(EXACTMOE_CONFIGS, none))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) print(name + "\n");
  return kFine;
}

int run(const AccountRequest& request) {
  std::vector<Accounted> all;
  for (const std::string& asked : request.models) all.push_back(account_for(request, asked));
  if (all.empty()) throw Error("MODEL: expected a config.json, a folder with one, or a name; found nothing");
  if (request.json) {
    Json json;
    bool ok = true;
    for (const Accounted& a : all) {
      Json one = account_json(request, a);
      if (!request.claims.empty()) ok = add_claims(one, request.claims, a) && ok;
      if (all.size() > 1)
        json["models"].push_back(one);
      else
        json = one;
    }
    print_json(json);
    return ok ? kFine : kDifferent;
  }
  bool fits = true;
  for (const Accounted& a : all) {
    if (!request.explain.empty()) print_explanation(request, a);
    if (!request.claims.empty()) fits = print_claims(request.claims, a) && fits;
    if (request.checklist) print_checklist(a);
  }
  const bool asked = !request.explain.empty() || !request.claims.empty() || request.checklist;
  if (!asked && all.size() == 1) print_account(request, all[0]);
  if (!asked && all.size() > 1) print_comparison(request, all);
  print(report);
  return fits ? kFine : kDifferent;
}

}  // namespace

void say(std::string_view text) { report += text; }

Accounted account_for(const AccountRequest& request, const std::string& asked) {
  const std::string path = path_of(asked);
  Accounted a{.asked = asked, .label = "", .folder = "", .model = accounting::read_model(path), .counts = {}, .formats = {}};
  const fs::path file(path);
  const bool named_config = file.filename() == "config.json";
  if (named_config) a.folder = file.has_parent_path() ? file.parent_path().string() : ".";
  const fs::path folder = fs::path(a.folder).filename().empty() ? fs::path(a.folder).parent_path() : fs::path(a.folder);
  a.label = named_config && folder.filename() != "." ? folder.filename().string() : file.stem().string();
  a.model.name = a.label;
  a.formats = request.weights.empty() ? accounting::formats_stored(a.model) : accounting::formats_all(accounting::format_named(request.weights));
  try {
    a.counts = accounting::count(a.model);
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
  return a;
}

Command account_command(CLI::App& app) {
  auto request = std::make_shared<AccountRequest>();
  auto names = std::make_shared<bool>(false);
  app.add_option("MODEL", request->models, "a config.json, a folder with one, or the name of a model that comes along; several are compared");
  const auto whole = CLI::Range(Index{1}, Index{1} << 40);
  app.add_option("--batch", request->batch, "sequences of a decode step (default: 1)")->check(whole);
  app.add_option("--context", request->context, "tokens of each sequence, and of the prompt (default: 4096)")->check(whole);
  app.add_option("--weights", request->weights, "format of the matrices: f32, f16, bf16, fp8, fp8_row, int8, mxfp4, nvfp4, int4, int4_zero (default: as the checkpoint)");
  app.add_option("--hardware", request->hardware, "a100, h100, h200, b200, mi300x, epyc, or here: this machine, measured (default: h100)");
  app.add_option("--devices", request->devices, "that share a step (default: as many as hold the weights)")->check(whole);
  app.add_option("--ranks", request->ranks, "of expert parallelism (default: 8)")->check(whole);
  app.add_option("--nodes", request->nodes, "that those ranks are spread over (default: 1)")->check(whole);
  app.add_option("--tile", request->tile, "rows of an expert's product that are computed together (default: 64)")->check(whole);
  app.add_option("--trace", request->trace, "a trace (.npz) whose stage `selected` says who goes where");
  app.add_option("--seconds", request->seconds, "a measured decode step: how well it used the hardware")->check(CLI::PositiveNumber);
  app.add_option("--explain", request->explain, "a component, total, C1, C2, C3, mtp, flops, cache, bytes or activations: the formula, with the values in it");
  app.add_option("--claims", request->claims, "a sentence like \"30B total, 3B active\", against every convention; status 1 if a number fits none");
  app.add_flag("--checklist", request->checklist, "what a report should state, and what this config leaves open");
  app.add_flag("--names", *names, "list the models that come along");
  app.add_flag("--json", request->json, "one JSON object on standard output, nothing else");
  return [request, names] { return *names ? print_names() : run(*request); };
}

}  // namespace moe::tools
