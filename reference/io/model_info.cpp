#include "reference/io/model_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "reference/error.h"
#include "reference/io/config_reader.h"
#include "reference/io/hugging_face_names.h"
#include "reference/io/router_settings.h"

namespace moe::io {
namespace {

constexpr Index kMostLayers = 100'000;
constexpr Index kLargestSize = Index{1} << 31;

Index read_shared_hidden(const ConfigReader& config, const Family& family,
                         Index hidden) {
  switch (family.shared) {
    case SharedWidth::none:
      break;
    case SharedWidth::as_routed:
      return hidden;
    case SharedWidth::times_n_shared_experts: {
      const auto shared = config.find_whole(
          {"n_shared_experts", "moe_num_shared_experts"}, 0, 1024);
      // ERNIE's class takes two where config.json is silent.
      const bool ernie = family.router_keys == RouterKeys::ernie;
      return hidden * shared.value_or(ernie ? 2 : 0);
    }
    case SharedWidth::shared_expert_intermediate_size:
      return config.whole({"shared_expert_intermediate_size"}, 0, kLargestSize);
  }
  return 0;
}

LayerSizes read_sizes(const ConfigReader& config, const Family& family,
                      Index identities) {
  LayerSizes size{};
  const Index networks =
      config.whole({"num_local_experts", "num_experts", "n_routed_experts",
                    "moe_num_experts", "ffn_config.moe_num_experts"},
                   1, kLargestSize);
  size.experts = networks + identities;
  const auto chosen = config.find_each_layers("moe_topk", 1, size.experts);
  size.chosen = chosen ? *chosen
                       : config.whole({"num_experts_per_tok", "moe_k",
                                       "experts_per_token",
                                       "ffn_config.moe_top_k"},
                                      1, size.experts);  // K <= E
  size.width = config.whole({"hidden_size", "d_model"}, 1, kLargestSize);
  size.hidden = config.whole({family.hidden_key}, 1, kLargestSize);
  size.shared_hidden = read_shared_hidden(config, family, size.hidden);
  return size;
}

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
      config.find_whole({"first_k_dense_replace"}, 0, kMostLayers).value_or(0);
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

void expect_readable_weights(const ConfigReader& config) {
  const auto method = config.find_text("quantization_config.quant_method");
  if (method && *method != "mxfp4")
    config.refuse("quantization_config.quant_method",
                  "unquantised weights or mxfp4");
}

}  // namespace

ModelInfo read_model_info(const std::string& folder) {
  const std::string path = folder + "/config.json";
  const ConfigReader config(path);
  const Family& family = family_of(config.model_type(), path);
  expect_readable_weights(config);
  const Preset& row = preset(family.preset);

  ModelInfo info;
  info.model_type = family.model_type;
  info.preset = family.preset;
  if (family.router_keys == RouterKeys::longcat)
    info.identities =
        config.find_whole({"zero_expert_num"}, 0, kLargestSize).value_or(0);
  info.sizes = read_sizes(config, family, info.identities);
  // LongCat's class writes num_hidden_layers as twice its num_layers.
  info.layers = config.whole({"num_layers", "num_hidden_layers", "n_layers"}, 1,
                             kMostLayers);
  info.moe_layers = read_moe_layers(config, family, info.layers);
  info.router = read_router(config, family, row, info.sizes);
  info.activation = read_activation(config, row);
  info.shared = info.sizes.shared_hidden == 0 ? SharedKind::none : row.shared;
  if (info.moe_layers.empty())
    throw Error(path + ": expected a layer with experts, found none");
  return info;
}

}  // namespace moe::io
