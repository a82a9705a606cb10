#include "tools/report.h"

#include <fmt/format.h>

namespace moe::tools {

Report examine(const Layer& layer, const Matrix& x, const Expected& expected, const Selection& selection, const Settings& settings) {
  Report report{.run = run_tiers(layer, x, selection, settings), .verdicts = {}};
  report.verdicts = judge(layer, x, report.run.runs.front().trace, expected);
  return report;
}

void add_report(Json& json, const Report& report, const Selection& selection) {
  json["stages"] = stages_json(report.run);
  json["equal"] = report.equal();
  json["expected"] = expected_json(report.verdicts);
  json["ok"] = report.ok();
  json["skipped"] = skipped_json(selection);
}

std::string describe(const Report& report, const std::string& command) {
  std::string text = describe(report.run, command);
  if (report.verdicts.empty()) return text + paint(Ink::dim, "  no expectations: the tiers were compared with each other alone") + "\n";
  return text + paint(Ink::dim, "  against what was expected") + "\n" + describe(report.verdicts);
}

std::string describe(const Selection& selection) {
  std::string ran, skipped;
  for (const check::Tier* tier : selection.tiers) ran += (ran.empty() ? "" : ", ") + tier->name;
  for (const auto& [name, reason] : selection.skipped) skipped += fmt::format("{}{} ({})", skipped.empty() ? "" : ", ", name, reason);
  return "tiers " + ran + (skipped.empty() ? "" : paint(Ink::dim, "; skipped: " + skipped));
}

std::string describe(const LayerSizes& s) {
  std::string text = fmt::format("E {}, K {}, D {}, F {}", s.experts, s.chosen, s.width, s.hidden);
  if (s.shared_hidden > 0) text += fmt::format(", shared F {}", s.shared_hidden);
  return text;
}

std::string describe(const Layer& layer) {
  LayerSizes s = sizes(layer);
  const char letter = std::holds_alternative<SoftLayer>(layer) ? 'S' : std::holds_alternative<ExpertChoiceLayer>(layer) ? 'C' : 'K';
  std::string text = fmt::format("{}: E {}, {} {}, D {}, F {}", variant_name(layer), s.experts, letter, s.chosen, s.width, s.hidden);
  if (s.shared_hidden > 0) text += fmt::format(", shared F {}", s.shared_hidden);
  return text;
}

std::optional<WeightFormat> weight_format(const std::string& name) {
  for (const WeightFormat format : {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16})
    if (name == moe::name(format)) return format;
  return std::nullopt;
}

std::string quoted(const std::string& word) {
  const bool plain = word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%") == std::string::npos;
  if (plain && !word.empty()) return word;
  std::string s = "'";
  for (const char c : word) s += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return s + "'";
}

}  // namespace moe::tools
