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
  for (const std::string& asked : request.models) all.push_back(account_for(asked));
  if (all.empty()) throw Error("MODEL: expected a config.json, a folder with one, or a name; found nothing");
  if (request.json) {
    Json json = account_json(request, all[0]);
    if (all.size() > 1) {
      json = {{"models", Json::array()}};
      for (const Accounted& a : all) json["models"].push_back(account_json(request, a));
    }
    print_json(json);
    return kFine;
  }
  for (const Accounted& a : all) print_account(request, a);
  return kFine;
}

}  // namespace

Accounted account_for(const std::string& asked) {
  const std::string path = path_of(asked);
  Accounted a{.asked = asked, .label = "", .folder = "", .model = accounting::read_model(path), .counts = {}};
  const fs::path file(path);
  const bool named_config = file.filename() == "config.json";
  if (named_config) a.folder = file.has_parent_path() ? file.parent_path().string() : ".";
  const fs::path folder = fs::path(a.folder).filename().empty() ? fs::path(a.folder).parent_path() : fs::path(a.folder);
  a.label = named_config && folder.filename() != "." ? folder.filename().string() : file.stem().string();
  a.model.name = a.label;
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
  app.add_flag("--names", *names, "list the models that come along");
  app.add_flag("--json", request->json, "one JSON object on standard output, nothing else");
  return [request, names] { return *names ? print_names() : run(*request); };
}

}  // namespace moe::tools
