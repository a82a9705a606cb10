#include "reference/accounting/weights.h"

#include <map>
#include <string>
#include <utility>

namespace moe::accounting {
namespace {

// Appends the weights of layers, equal layers once with their number.
void add_layers(std::vector<Weight>& list, const std::vector<Layer>& layers,
                const Model& model) {
  std::vector<std::pair<Layer, Index>> kinds;
  for (const Layer& layer : layers) {
    auto kind = kinds.begin();
    while (kind != kinds.end() && !(kind->first == layer)) kind++;
    if (kind == kinds.end())
      kinds.emplace_back(layer, 1);
    else
      kind->second++;
  }
  const Size d("d", model.width);
  for (const auto& [layer, count] : kinds) {
    const std::size_t first = list.size();
    for (const Mixer& mixer : layer.mixers) add_mixer(list, mixer, model.width);
    for (const DenseFfn& ffn : layer.dense) add_dense(list, ffn, model.width);
    if (layer.mixture) add_mixture(list, *layer.mixture, model.width);
    list.push_back({Component::norms, "norm", Role::other, d, 1,
                    layer.norms * model.norm_parts});
    for (std::size_t i = first; i < list.size(); i++) list[i].layers = count;
  }
}

// The same weight in layers of different kinds becomes one with the sum of
// their numbers; the order is that of the first of each.
std::vector<Weight> merged(const std::vector<Weight>& list) {
  std::vector<Weight> result;
  std::map<std::string, std::size_t> known;
  for (const Weight& w : list) {
    const std::string key =
        w.name + "|" + w.copies.numbers() + "|" + w.rows.numbers() + "|" +
        w.cols.numbers() + "|" + w.rows.letters() + "|" +
        std::to_string(w.met) + "|" + std::to_string(w.of) + "|" +
        name_of(w.component);
    const auto [at, fresh] = known.emplace(key, result.size());
    if (fresh)
      result.push_back(w);
    else
      result[at->second].layers = plus(result[at->second].layers, w.layers);
  }
  return result;
}

}  // namespace

const char* name_of(Component component) {
  constexpr const char* kNames[kComponents] = {
      "embedding", "lm_head",        "attention",      "dense_ffn",
      "router",    "routed_experts", "shared_experts", "norms"};
  return kNames[static_cast<std::size_t>(component)];
}

Index Weight::total() const {
  return times({(copies * rows * cols).value(), layers});
}

Index Weight::active() const { return share(total(), met, of); }

std::vector<Weight> weights(const Model& model) {
  const Size d("d", model.width);
  const Size V("V", model.vocabulary);
  std::vector<Weight> list;
  if (!model.tied)
    list.push_back({Component::embedding, "table", Role::table, V, d});
  add_layers(list, model.layers, model);
  if (model.position_heads > 0)
    list.push_back({Component::attention, "relative_bias", Role::other,
                    Size("buckets", model.position_buckets),
                    Size("h", model.position_heads)});
  list.push_back({Component::norms, "final_norm", Role::other, d, 1,
                  model.final_norms * model.norm_parts});
  list.push_back({Component::lm_head, model.tied ? "table" : "head",
                  Role::product, V, d});
  if (model.head_bias)
    list.push_back({Component::lm_head, "bias", Role::other, V, 1});
  return merged(list);
}

std::vector<Weight> mtp_weights(const Model& model) {
  std::vector<Weight> list;
  if (model.mtp.modules == 0) return list;
  const Size d("d", model.width);
  add_layers(list, model.mtp.layers, model);
  // Not a linear layer of a part: stored like the norms, not quantised.
  list.push_back({Component::norms, "eh_proj", Role::product, d, 2 * d});
  list.push_back({Component::norms, "mtp_norms", Role::other, d, 1, 3});
  for (Weight& w : list) w.layers = times({w.layers, model.mtp.modules});
  return list;
}

}  // namespace moe::accounting
