// How the demo shows one checkpoint.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/demo.h"

namespace moe::tools {
namespace {

constexpr int kLabel = 12;  // columns of the words on the left

std::string line(const std::string& label, const std::string& sign, const std::string& text) {
  return "  " + paint(Ink::dim, left(label, kLabel - 2)) + (sign.empty() ? " " : sign) + " " + text + "\n";
}

std::string more(const std::string& text) { return repeat(" ", kLabel + 2) + text + "\n"; }

// Items after a label, over as many lines as they need.
std::string lines(const std::string& label, const std::string& sign, const std::vector<std::string>& items, int columns) {
  std::string text;
  for (const std::string& l : wrap(items, paint(Ink::dim, " · "), columns - kLabel - 2)) text += text.empty() ? line(label, sign, l) : more(l);
  return text;
}

std::string scores_text(const RouterConfig& r) {
  switch (r.score) {
    case Score::logit: return "logits";
    case Score::softmax: return "softmax";
    case Score::sigmoid: return "sigmoid";
    case Score::sqrt_softplus: return "√softplus";
  }
  return "";
}

// The pipeline of a router as a sentence: softmax → top 2 → ÷ sum.
std::string router_text(const RouterConfig& r) {
  std::string s = scores_text(r);
  if (r.key == SelectionKey::score_plus_bias) s += " + bias";
  if (r.groups.count > 1) s += fmt::format(" → {} of {} groups", r.groups.kept, r.groups.count);
  s += fmt::format(" → top {}", r.chosen);
  if (r.raw_weight == RawWeight::softmax_of_chosen) s += " → softmax";
  if (r.raw_weight == RawWeight::sigmoid_of_chosen) s += " → sigmoid";
  if (r.raw_weight == RawWeight::near_tie_softmax) s += " → near-tie softmax";
  if (r.normalisation == Normalisation::l2) s += " ÷ norm";
  else if (r.normalisation != Normalisation::none) s += " ÷ sum";
  if (r.scale != 1.0F) s += fmt::format(" × {:.3g}", static_cast<double>(r.scale));
  return s;
}

std::string experts_text(const CheckpointResult& c) {
  const Activation& a = c.info.activation;
  const bool clamped = std::isfinite(a.limit);
  const bool swish = a.function == Nonlinearity::silu || a.function == Nonlinearity::swish;
  std::string s = clamped ? fmt::format("clamped SwiGLU (±{:.3g})", static_cast<double>(a.limit)) : a.gated && swish ? "SwiGLU" : "FFN";
  if (c.info.shared != SharedKind::none) s += " + shared expert";
  return s;
}

// The name and the fingerprint in a rule.
std::string heading(const CheckpointResult& c, int columns) {
  const std::string name = " " + c.name + " ", mark = " fingerprint " + hex16(c.fingerprint) + " ";
  return paint(Ink::accent, "━━") + paint(Ink::title, name) + paint(Ink::accent, repeat("━", columns - 4 - width_of(name) - width_of(mark))) +
         paint(Ink::dim, mark) + paint(Ink::accent, "━━") + "\n";
}

std::string bits_lines(const CheckpointResult& c, const Selection& selection, int columns) {
  std::string names;
  for (const check::Tier* tier : selection.tiers) names += (names.empty() ? "" : paint(Ink::dim, " = ")) + paint(Ink::title, tier->name);
  if (selection.tiers.size() == 1) names += " alone, nothing to compare with";
  std::vector<std::string> items{names};
  if (selection.tiers.size() > 1)
    items.push_back(fmt::format("{} values, {} different", grouped(c.values),
                                c.differing == 0 && c.equal ? "0" : paint(Ink::bad, grouped(c.differing))));
  return lines("same bits", mark(c.equal), items, columns);
}

// One chart a layer, side by side, all to one scale.
std::string load_lines(const CheckpointResult& c, int columns) {
  const auto layers = static_cast<int>(c.loads.size());
  const auto E = static_cast<int>(c.info.sizes.experts);
  const int room = columns - kLabel - 2 - 3 * (layers - 1);
  if (layers == 0 || layers * E > room) return line("load", "", "too many experts for this terminal");
  const int width = std::clamp(room / (layers * E), 1, 4);
  const auto pairs = static_cast<double>(c.tokens * c.info.sizes.chosen);
  const double even = pairs / E;
  double full = 0;
  for (const LayerLoad& load : c.loads) full = std::max(full, static_cast<double>(*std::max_element(load.tokens.begin(), load.tokens.end())));
  std::vector<std::string> rows(3);
  for (const LayerLoad& load : c.loads) {
    const std::vector<double> values(load.tokens.begin(), load.tokens.end());
    const auto chart = bar_chart(values, full, even, width, 2);
    for (std::size_t i = 0; i < rows.size(); i++) {
      if (&load != &c.loads.front()) rows[i] += "   ";
      rows[i] += i < 2 ? left(chart[i], width * E) : paint(Ink::dim, left(fmt::format("layer {}", load.layer), width * E));
    }
  }
  return line("load", "", rows[0]) + line(fmt::format("max {:.0f}%", 100 * full / pairs), "", rows[1]) +
         line(fmt::format("even {:.1f}%", 100.0 / E), "", rows[2]);
}

std::string speed_lines(const CheckpointResult& c, const Selection& selection, int columns) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < c.seconds.size(); i++) {
    const double speed = static_cast<double>(c.tokens) / c.seconds[i];
    const bool emulated = selection.tiers[i]->name == "cuda-emulated";  // a test of the kernels, not a speed
    std::string item = selection.tiers[i]->name + " " + paint(emulated ? Ink::dim : Ink::title, brief(speed));
    if (i > 0 && c.seconds[i] * 1.5 < c.seconds[0]) item += paint(Ink::good, fmt::format(" ×{:.0f}", c.seconds[0] / c.seconds[i]));
    items.push_back(item);
  }
  return lines("tokens/s", "", items, columns);
}

}  // namespace

std::string block(const CheckpointResult& c, const Selection& selection, int columns) {
  const LayerSizes& s = c.info.sizes;
  std::string text = heading(c, columns);
  text += lines("layer", "", {router_text(c.info.router), experts_text(c)}, columns);
  text += lines("", "", {fmt::format("{} layers", c.loads.size()), fmt::format("E {}, K {}, D {}, F {}", s.experts, s.chosen, s.width, s.hidden),
                         c.storage, fmt::format("{} tokens of text", c.tokens)}, columns);
  text += bits_lines(c, selection, columns);
  text += lines("float64", mark(c.share <= 1), {fmt::format("within {:.2g} of the derived error bound", c.share),
                                                fmt::format("|Δ output| ≤ {:.1e}", c.max_abs_error)}, columns);
  text += line("choices", mark(c.choices > 0 && c.agreeing == c.choices),
               fmt::format("{} of {} chosen experts as in the capture", grouped(c.agreeing), grouped(c.choices)));
  text += load_lines(c, columns);
  const auto& p = c.parameters;
  text += lines("parameters", "", {grouped(p.total.sum()) + " total", grouped(p.active.sum()) + " active per token", grouped(p.touched.sum()) + (columns < 100 ? " touched" : " touched by this batch")},
                columns);
  text += speed_lines(c, selection, columns);
  return text + c.problems;
}

Json to_json(const CheckpointResult& c, const Selection& selection) {
  const LayerSizes& s = c.info.sizes;
  Json json{{"name", c.name}, {"model_type", c.info.model_type}, {"variant", "sparse"}, {"storage", c.storage}, {"tokens", c.tokens}};
  json["sizes"] = {{"E", s.experts}, {"K", s.chosen}, {"D", s.width}, {"F", s.hidden}, {"shared_F", s.shared_hidden}};
  json["values"] = c.values;
  json["different"] = c.differing;
  json["fingerprint"] = hex16(c.fingerprint);
  json["float64"] = {{"max_abs_error", c.max_abs_error}, {"share_of_bound", c.share}};
  json["choices"] = {{"compared", c.choices}, {"agree", c.agreeing}};
  for (const LayerLoad& load : c.loads) json["load"].push_back({{"layer", load.layer}, {"tokens", load.tokens}});
  json["parameters"] = {{"total", c.parameters.total.sum()}, {"active", c.parameters.active.sum()}, {"touched", c.parameters.touched.sum()}};
  for (std::size_t i = 0; i < c.seconds.size(); i++)
    json["tokens_per_second"][selection.tiers[i]->name] = static_cast<double>(c.tokens) / c.seconds[i];
  json["equal"] = c.equal;
  json["ok"] = c.ok;
  return json;
}

}  // namespace moe::tools
