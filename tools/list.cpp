// moe list: what there is.
#include <fmt/format.h>

#include <memory>
#include <span>

#include "check/checked.h"
#include "check/preset_words.h"
#include "check/tier.h"
#include "reference/numerics/functions.h"
#include "reference/presets.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace moe::tools {
namespace {

// How a tier stands with a row: compared here, or why not. In brackets: what is compared where the tier runs.
std::string standing(const check::Checked& row, const check::Tier& tier) {
  if (tier.name == "reference") return paint(Ink::dim, "the definition");
  const std::string count = std::to_string(check::cases(row, tier.name));
  return tier.skipped.empty() ? mark(true) + " " + count + " cases" : paint(Ink::warn, tier.skipped + " (" + count + ")");
}

std::string standing(const check::CheckedAlone& row, const check::Tier& tier) {
  if (tier.name == "reference") return mark(true) + " " + std::to_string(row.values) + " values";
  return paint(Ink::dim, "the reference's alone");
}

Json checked_json(const check::Checked& row) {
  Json tiers = Json::object();
  for (const check::Tier& t : check::tiers()) {
    if (t.name == "reference") continue;
    tiers[t.name] = {{"cases", check::cases(row, t.name)}, {"runs_here", t.skipped.empty()}};
    if (!t.skipped.empty()) tiers[t.name]["skipped"] = t.skipped;
  }
  return tiers;
}

Json checked_json(const check::CheckedAlone& row) {
  Json tiers = Json::object();
  for (const check::Tier& t : check::tiers()) {
    if (t.name == "reference") tiers[t.name] = {{"oracle_values", row.values}, {"runs_here", true}};
    else tiers[t.name] = {{"runs_here", false}, {"skipped", fmt::format("the reference's alone: {}", row.why)}};
  }
  return tiers;
}

template <class Row>
void add_rows(Table& table, std::span<const Row> rows) {
  for (const Row& row : rows) {
    std::vector<std::string> cells{std::string(row.name)};
    for (const check::Tier& t : check::tiers()) cells.push_back(standing(row, t));
    table.add(cells);
  }
}

// What each row is, and why some are the reference's alone.
std::string legend() {
  Table table({"name", "what"});
  for (const check::Checked& row : check::checked()) table.add({std::string(row.name), std::string(row.what)});
  for (const check::CheckedAlone& row : check::checked_alone()) {
    table.add({std::string(row.name), std::string(row.what)});
    table.add({"", paint(Ink::dim, std::string(row.why))});
  }
  return table.text();
}

Json to_json() {
  Json j;
  j["version"] = EXACTMOE_VERSION;
  for (const check::Checked& row : check::checked())
    j["variants"].push_back({{"name", row.name}, {"what", row.what}, {"checked", checked_json(row)}});
  for (const check::CheckedAlone& row : check::checked_alone())
    j["variants"].push_back({{"name", row.name}, {"what", row.what}, {"checked", checked_json(row)}});
  for (const Preset& p : presets()) {
    const LayerSizes& s = p.published;
    const check::PresetWords w = check::words(p);
    j["presets"].push_back({{"name", p.name},
                            {"variant", p.variant},
                            {"model", p.model},
                            {"sizes", {{"E", s.experts}, {"K", s.chosen}, {"D", s.width}, {"F", s.hidden}, {"shared_F", s.shared_hidden}}},
                            {"source", p.source},
                            {"switches",
                             {{"scores", w.scores}, {"key", w.key}, {"groups", w.groups}, {"weight", w.raw_weight}, {"divided_by", w.divided_by},
                              {"scale", w.scale}, {"places", w.places}, {"shared", w.shared}, {"experts", w.experts}, {"besides", w.besides}}}});
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
  std::string s = paint(Ink::title, "variants") + "\n" +
                  paint(Ink::dim, "  cases: generated ones, which the tests compare with the reference, every stage, bit for bit\n"
                                  "  values: results of the reference, which the tests compare with the equations in binary64") + "\n";
  std::vector<std::string> head{"name"};
  for (const check::Tier& t : check::tiers()) head.push_back(t.name);
  Table variants_table(head);
  add_rows(variants_table, check::checked());
  add_rows(variants_table, check::checked_alone());
  s += variants_table.text() + "\n" + legend();
  s += heading("presets") + paint(Ink::dim, "  the sizes are those of the published model") + "\n";
  Table presets_table({"name", "variant", "E", "K", "D", "F", "scores s", "key", "groups", "weight", "divided by", "scale", "places", "shared", "experts", "besides", "sizes of"});
  for (const Preset& p : presets()) {
    const LayerSizes& z = p.published;
    const check::PresetWords w = check::words(p);
    presets_table.add({std::string(p.name), w.variant, std::to_string(z.experts), w.chosen, std::to_string(z.width), std::to_string(z.hidden), w.scores, w.key,
                       w.groups, w.raw_weight, w.divided_by, w.scale, w.places, w.shared, w.experts, w.besides, std::string(p.model)});
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
