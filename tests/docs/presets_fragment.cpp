// The presets in words, and what one layer of each costs.
#include <fmt/format.h>

#include "check/preset_words.h"
#include "reference/presets.h"
#include "tests/docs/docs_fragments.h"

namespace moe::docs {
namespace {

std::string number(Index i) { return fmt::format("{}", i); }
std::string millions(Index count) { return fmt::format("{:.2f}", static_cast<double>(count) / 1e6); }

}  // namespace

std::string presets_table() {
  Table table({"preset", "scores s", "ranked by", "weight", "experts", "shared", "E/K", "sizes of"});
  for (const Preset& p : presets())
    if (p.variant == "sparse") {
      const check::PresetWords w = check::words(p);
      table.row({fmt::format("`{}`", p.name), w.scores, w.ranked, w.weight, w.experts, w.shared,
                 fmt::format("{}/{}", p.published.experts, p.published.chosen), std::string(p.model)});
    }
  return table.text();
}

std::string variants_table() {
  Table table({"preset", "sizes of", "variant", "scores s", "key", "groups", "raw weight", "divided by", "scale", "places", "shared", "E", "K",
               "F", "D", "shared F", "experts", "besides", "follows"});
  for (const Preset& p : presets()) {
    const LayerSizes& n = p.published;
    const check::PresetWords w = check::words(p);
    table.row({fmt::format("`{}`", p.name), std::string(p.model), w.variant, w.scores, w.key, w.groups, w.raw_weight, w.divided_by, w.scale,
               w.places, w.shared, number(n.experts), w.chosen, number(n.hidden), number(n.width),
               n.shared_hidden == 0 ? "–" : number(n.shared_hidden), w.experts, w.besides, std::string(p.source)});
  }
  return table.text();
}

namespace {

// Weights of one layer that are stored, that one token uses, and its multiplications with one.
struct Weights {
  Index stored, used, multiplied;
};

Weights weights(const Preset& p) {
  const LayerSizes& n = p.published;
  const Index products = p.activation.gated ? 3 : 2;
  const Index networks = n.experts - p.identities;
  const Index width = p.latent == 0 ? n.width : p.latent;  // of the experts
  const Index scores = p.unscored ? 0 : n.experts * n.width;
  const Index router = scores + (p.router_bias ? n.experts : 0) + (p.expert_scale ? n.experts : 0) +
                       (p.input_norm ? n.width : 0) +
                       (p.router.key == SelectionKey::score_plus_bias ? n.experts : 0);
  const Index noise = p.router.noise_kind == Noise::learned_gaussian ? scores : 0;  // training alone
  const Index one = products * width * n.hidden + (p.expert_biases ? (products - 1) * n.hidden + width : 0);
  const bool one_gate = p.shared == SharedKind::sigmoid_gated || p.shared == SharedKind::blended;
  const Index gates = p.shared == SharedKind::weighed ? 2 : one_gate ? 1 : 0;
  const Index shared = products * n.width * n.shared_hidden + gates * n.width;
  const Index latent = 2 * p.latent * n.width;
  return {router + noise + networks * one + shared + latent, router + n.chosen * one + shared + latent,
          scores + n.chosen * products * width * n.hidden + shared + latent};
}

}  // namespace

std::string cost_table() {
  Table table({"preset", "D", "F", "E", "K", "stored, millions", "one token uses, millions", "share", "million FLOP a token"});
  for (const Preset& p : presets()) {
    if (p.variant != "sparse") continue;
    const LayerSizes& n = p.published;
    const Weights w = weights(p);
    table.row({fmt::format("`{}`", p.name), number(n.width), number(n.hidden), number(n.experts), number(n.chosen), millions(w.stored),
               millions(w.used), fmt::format("{:.1f} %", 100.0 * static_cast<double>(w.used) / static_cast<double>(w.stored)),
               millions(2 * w.multiplied)});
  }
  return table.text();
}

}  // namespace moe::docs
