#include "reference/io/model_layers.h"

#include <algorithm>
#include <functional>

namespace moe::io {
namespace {

constexpr Index kMostLayers = 100'000;

using HasExperts = std::function<bool(Index layer)>;

bool holds(const std::vector<Index>& list, Index layer) {
  return std::find(list.begin(), list.end(), layer) != list.end();
}

// A layer has experts unless one of the keys that models use says it has not.
HasExperts common_rule(const ConfigReader& config) {
  if (const auto listed = config.find_list("moe_layers"))
    return [=](Index layer) { return holds(*listed, layer); };
  const auto one_or_more = [&](std::string_view key) {
    return config.find_whole({key}, 1, kMostLayers).value_or(1);
  };
  const Index first =
      config
          .find_whole({"first_k_dense_replace", "moe_layer_num_skipped"}, 0,
                      kMostLayers)
          .value_or(0);
  const Index frequency = one_or_more("moe_layer_freq");
  const Index step = one_or_more("decoder_sparse_step");
  const Index interleave = one_or_more("interleave_moe_layer_step");
  const std::vector<Index> none;
  const auto dense = config.find_list("mlp_only_layers").value_or(none);
  return [=](Index layer) {
    return layer >= first && layer % frequency == 0 &&
           (layer + 1) % step == 0 && (layer + 1) % interleave == 0 &&
           !holds(dense, layer);
  };
}

// Every interval-th layer from start to end; the end -1 is the last layer.
HasExperts ernie_rule(const ConfigReader& config) {
  const auto value = [&](std::string_view key, Index least, Index absent) {
    return config.find_whole({key}, least, kMostLayers).value_or(absent);
  };
  const Index start = value("moe_layer_start_index", 0, 1);
  const Index end = value("moe_layer_end_index", -1, -1);
  const Index interval = value("moe_layer_interval", 1, 1);
  return [=](Index layer) {
    return layer >= start && (end == -1 || layer <= end) &&
           (layer + 1) % interval == 0;
  };
}

HasExperts jamba_rule(const ConfigReader& config) {
  const Index period =
      config.find_whole({"expert_layer_period"}, 1, kMostLayers).value_or(2);
  const Index offset =
      config.find_whole({"expert_layer_offset"}, 0, kMostLayers).value_or(1);
  return [=](Index layer) { return layer % period == offset; };
}

std::vector<Index> read_moe_layers(const ConfigReader& config,
                                   const Family& family, Index layers) {
  const HasExperts has_experts =
      family.layer_keys == LayerKeys::ernie   ? ernie_rule(config)
      : family.layer_keys == LayerKeys::jamba ? jamba_rule(config)
                                              : common_rule(config);
  std::vector<Index> moe_layers;
  for (Index layer = 0; layer < layers; ++layer)
    if (has_experts(layer)) moe_layers.push_back(layer);
  return moe_layers;
}

// Nemotron: a letter or a word for each layer, E and moe for experts. Its
// class knows the number of layers from them, whatever num_hidden_layers says.
void read_pattern(const ConfigReader& config, ModelInfo& info) {
  const auto letters = config.find_text("hybrid_override_pattern");
  const auto words = config.find_texts("layers_block_type");
  if (!letters && !words)
    config.refuse("hybrid_override_pattern", "a letter for each layer");
  const std::size_t layers = words ? words->size() : letters->size();
  for (std::size_t layer = 0; layer < layers; ++layer)
    if (words ? words->at(layer) == "moe" : letters->at(layer) == 'E')
      info.moe_layers.push_back(static_cast<Index>(layer));
  info.layers = static_cast<Index>(layers);
}

}  // namespace

void read_layers(const ConfigReader& config, const Family& family,
                 ModelInfo& info) {
  if (family.layer_keys == LayerKeys::nemotron) {
    read_pattern(config, info);
    return;
  }
  // LongCat's class writes num_hidden_layers as twice its num_layers.
  info.layers = config.whole({"num_layers", "num_hidden_layers", "n_layers"}, 1,
                             kMostLayers);
  info.moe_layers = read_moe_layers(config, family, info.layers);
}

}  // namespace moe::io
