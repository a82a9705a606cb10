// moe list: what there is.
#include <fmt/format.h>

#include <memory>

#include "check/tier.h"
#include "reference/numerics/functions.h"
#include "reference/presets.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace moe::tools {
namespace {

struct Variant {
  const char* name;
  const char* what;
};

constexpr Variant kVariants[] = {
    {"sparse", "token choice: every token picks its K experts; places per expert may be limited"},
    {"dense", "every token visits all experts, weighted by a gate"},
    {"expert_choice", "every expert picks its C tokens of a batch"},
    {"soft", "slots are mixtures of tokens, outputs mixtures of slots"},
    {"hierarchical", "a token picks groups of experts, then experts in each"},
};

Json to_json() {
  Json j;
  j["version"] = EXACTMOE_VERSION;
  for (const Variant& v : kVariants) j["variants"].push_back({{"name", v.name}, {"what", v.what}});
  for (const Preset& p : presets()) {
    const LayerSizes& s = p.published;
    j["presets"].push_back({{"name", p.name},
                            {"variant", p.variant},
                            {"model", p.model},
                            {"sizes", {{"E", s.experts}, {"K", s.chosen}, {"D", s.width}, {"F", s.hidden}, {"shared_F", s.shared_hidden}}},
                            {"source", p.source}});
  }
  for (const check::Tier& t : check::tiers()) {
    Json tier{{"name", t.name}, {"available", t.skipped.empty()}};
    if (!t.skipped.empty()) tier["skipped"] = t.skipped;
    j["tiers"].push_back(tier);
  }
  for (const auto& f : numerics::elementary_functions())
    j["functions"].push_back({{"name", f.name}, {"formula", f.formula}, {"inputs", f.inputs}, {"checksum", hex16(f.checksum)}});
  return j;
}

std::string heading(const char* text) { return "\n" + paint(Ink::title, text) + "\n"; }

std::string to_text() {
  std::string s = paint(Ink::title, "variants") + "\n";
  Table variants_table({"name", "what"});
  for (const Variant& v : kVariants) variants_table.add({v.name, v.what});
  s += variants_table.text();
  s += heading("presets") + paint(Ink::dim, "  the sizes are those of the published model") + "\n";
  Table presets_table({"name", "variant", "model", "E", "K", "D", "F", "shared F"});
  for (const Preset& p : presets()) {
    const LayerSizes& z = p.published;
    presets_table.add({std::string(p.name), std::string(p.variant), std::string(p.model), std::to_string(z.experts), std::to_string(z.chosen), std::to_string(z.width),
                       std::to_string(z.hidden), std::to_string(z.shared_hidden)});
  }
  s += presets_table.text() + heading("tiers");
  Table tier_table({"name", "here"});
  for (const check::Tier& t : check::tiers())
    tier_table.add({t.name, t.skipped.empty() ? mark(true) + " available" : paint(Ink::warn, "skipped: " + t.skipped)});
  s += tier_table.text() + heading("elementary functions") + paint(Ink::dim, "  each correctly rounded, on every tier") + "\n";
  Table function_table({"name", "value", "checksum"});
  for (const auto& f : numerics::elementary_functions())
    function_table.add({std::string(f.name), std::string(f.formula), paint(Ink::dim, hex16(f.checksum))});
  return s + function_table.text();
}

}  // namespace

Command list_command(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_json(app, *options);
  return [options] {
    if (options->json) print_json(to_json());
    else print(to_text());
    return kFine;
  };
}

}  // namespace moe::tools
