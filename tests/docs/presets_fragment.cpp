// The preset table in words, and what one layer of each costs.
#include <fmt/format.h>

#include "reference/presets.h"
#include "tests/docs/docs_fragments.h"

namespace moe::docs {
namespace {

std::string score(const RouterConfig& r) {
  switch (r.score) {
    case Score::logit: return "z";
    case Score::softmax: return "softmax(z)";
    case Score::sigmoid: return "sigmoid(z)";
    case Score::sqrt_softplus: return "sqrt(softplus(z))";
  }
  return "?";
}

std::string ranked(const RouterConfig& r) {
  std::string text = r.key == SelectionKey::score ? "s" : "s + bias";
  if (r.groups.kept < r.groups.count)
    text += fmt::format(", in {} of {} groups by {}", r.groups.kept, r.groups.count,
                        r.groups.score == GroupScore::max ? "largest" : "sum of two largest");
  return text;
}

std::string_view raw_weight(const RouterConfig& r) {
  switch (r.raw_weight) {
    case RawWeight::score: return "s";
    case RawWeight::softmax_of_chosen: return "softmax(chosen z)";
    case RawWeight::sigmoid_of_chosen: return "sigmoid(z)";
    case RawWeight::near_tie_softmax: return "softmax(near ties)";
  }
  return "?";
}

std::string divisor(const RouterConfig& r) {
  switch (r.normalisation) {
    case Normalisation::none: return {};
    case Normalisation::sum: return r.epsilon == 0 ? " / sum" : fmt::format(" / (sum + {})", r.epsilon);
    case Normalisation::max_sum: return fmt::format(" / max(sum, {})", r.epsilon);
    case Normalisation::l2: return " / l2";
  }
  return "?";
}

std::string weight(const RouterConfig& r) {
  return fmt::format("{}{}{}{}", raw_weight(r), divisor(r), r.scale == 1 ? "" : fmt::format(" × {}", r.scale),
                     r.weight_on == WeightOn::input ? ", on the input" : "");
}

std::string expert(const Preset& p) {
  std::string text = p.activation.limit < std::numeric_limits<float>::infinity() ? "clamped SwiGLU" : "SwiGLU";
  if (p.expert_biases) text += ", biases";
  return text;
}

std::string shared(const Preset& p) {
  switch (p.shared) {
    case SharedKind::none: return "–";
    case SharedKind::plain: return "yes";
    case SharedKind::sigmoid_gated: return "times sigmoid(gate·x)";
  }
  return "?";
}

std::string millions(Index count) { return fmt::format("{:.2f}", static_cast<double>(count) / 1e6); }

}  // namespace

std::string presets_table() {
  Table table({"preset", "scores s", "ranked by", "weight", "experts", "shared", "E/K", "sizes of"});
  for (const Preset& p : presets())
    table.row({fmt::format("`{}`", p.name), score(p.router) + (p.router_bias ? ", z with bias" : ""), ranked(p.router),
               weight(p.router), expert(p), shared(p),
               fmt::format("{}/{}", p.published.experts, p.published.chosen), std::string(p.model)});
  return table.text();
}

std::string cost_table() {
  Table table({"preset", "D", "F", "E", "K", "stored, millions", "one token uses, millions", "share", "million FLOP a token"});
  for (const Preset& p : presets()) {
    const LayerSizes& n = p.published;
    const Index router = n.experts * n.width + (p.router_bias ? n.experts : 0) +
                         (p.router.key == SelectionKey::score_plus_bias ? n.experts : 0);
    const Index one = 3 * n.width * n.hidden + (p.expert_biases ? 2 * n.hidden + n.width : 0);
    const Index shared = 3 * n.width * n.shared_hidden + (p.shared == SharedKind::sigmoid_gated ? n.width : 0);
    const Index stored = router + n.experts * one + shared;
    const Index used = router + n.chosen * one + shared;
    const Index products = n.experts * n.width + n.chosen * 3 * n.width * n.hidden + shared;
    table.row({fmt::format("`{}`", p.name), fmt::format("{}", n.width), fmt::format("{}", n.hidden),
               fmt::format("{}", n.experts), fmt::format("{}", n.chosen), millions(stored), millions(used),
               fmt::format("{:.1f} %", 100.0 * static_cast<double>(used) / static_cast<double>(stored)),
               millions(2 * products)});
  }
  return table.text();
}

}  // namespace moe::docs
