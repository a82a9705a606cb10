#include "reference/io/model_info.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/io/config_reader.h"
#include "reference/io/hugging_face_names.h"
#include "reference/io/model_layers.h"
#include "reference/io/router_settings.h"

namespace moe::io {
namespace {

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
    case SharedWidth::times_num_shared_expert:
      if (!config.find_boolean("use_mixed_mlp_moe").value_or(false)) return 0;
      return hidden *
             config.find_each_layers("num_shared_expert", 0, 1024).value_or(1);
    case SharedWidth::moe_shared_expert_intermediate_size:
      if (config.find_whole({"n_shared_experts"}, 0, 1024) == 0) return 0;
      return config.whole({"moe_shared_expert_intermediate_size"}, 0,
                          kLargestSize);
  }
  return 0;
}

// Hunyuan's own class takes a dense layer's F where experts have none.
Index read_hidden(const ConfigReader& config, const Family& family) {
  const auto each = config.find_each_layers(family.hidden_key, 1, kLargestSize);
  if (each) return *each;
  const bool dense = family.shared == SharedWidth::times_num_shared_expert;
  return config.whole({dense ? "intermediate_size" : family.hidden_key}, 1,
                      kLargestSize);
}

LayerSizes read_sizes(const ConfigReader& config, const Family& family,
                      Index identities) {
  LayerSizes size{};
  const auto listed =
      family.router_keys == RouterKeys::hunyuan
          ? config.find_each_layers("num_experts", 1, kLargestSize)
          : std::nullopt;
  const Index networks =
      listed ? *listed
             : config.whole({"num_local_experts", "num_experts",
                             "n_routed_experts", "moe_num_experts",
                             "ffn_config.moe_num_experts"},
                            1, kLargestSize);
  size.experts = networks + identities;
  const auto chosen = config.find_each_layers("moe_topk", 1, size.experts);
  size.chosen = chosen ? *chosen
                       : config.whole({"num_experts_per_tok", "moe_k",
                                       "experts_per_token",
                                       "ffn_config.moe_top_k"},
                                      1, size.experts);  // K <= E
  size.width = config.whole({"hidden_size", "d_model"}, 1, kLargestSize);
  size.hidden = read_hidden(config, family);
  size.shared_hidden = read_shared_hidden(config, family, size.hidden);
  return size;
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
  read_layers(config, family, info);
  if (family.router_keys == RouterKeys::nemotron)
    info.latent =
        config.find_whole({"moe_latent_size"}, 1, kLargestSize).value_or(0);
  info.router = read_router(config, family, row, info.sizes);
  info.activation = read_activation(config, row);
  info.shared = info.sizes.shared_hidden == 0 ? SharedKind::none : row.shared;
  if (info.moe_layers.empty())
    throw Error(path + ": expected a layer with experts, found none");
  return info;
}

}  // namespace moe::io
