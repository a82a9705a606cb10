#include "reference/io/router_settings.h"

namespace moe::io {
namespace {

// DeepSeek: which experts a token may choose from, and by what.
void read_groups(const ConfigReader& config, Index E, RouterConfig& router) {
  const auto method = config.find_text("topk_method");
  if (method == "greedy") {
    router.groups = GroupLimit{};
    router.key = SelectionKey::score;
    return;
  }
  if (method == "group_limited_greedy") {
    router.key = SelectionKey::score;
    router.groups.score = GroupScore::max;
  } else if (method == "noaux_tc") {
    router.key = SelectionKey::score_plus_bias;
    router.groups.score = GroupScore::sum_of_top2;
  } else if (method) {
    config.refuse("topk_method", "greedy, group_limited_greedy or noaux_tc");
  }
  router.groups.count = config.find_whole({"n_group"}, 1, E).value_or(1);
  router.groups.kept = config.find_whole({"topk_group"}, 1, router.groups.count)
                           .value_or(router.groups.count);
  if (E % router.groups.count != 0)
    config.refuse("n_group", "a divisor of E=" + std::to_string(E));
  if (E / router.groups.count * router.groups.kept < router.chosen)
    config.refuse("topk_group", "groups with at least K=" +
                                    std::to_string(router.chosen) + " experts");
}

void read_deepseek(const ConfigReader& config, Index E, RouterConfig& router) {
  read_groups(config, E, router);
  if (const auto score = config.find_text("scoring_func")) {
    // dots.llm1 writes its method here; its scores are sigmoids.
    if (*score != "softmax" && *score != "sigmoid" && *score != "noaux_tc")
      config.refuse("scoring_func", "softmax, sigmoid or noaux_tc");
    router.score = *score == "softmax" ? Score::softmax : Score::sigmoid;
  }
  router.scale =
      config.find_number("routed_scaling_factor").value_or(router.scale);
}

// MiniMax: keys for what no released model has.
void expect_released_minimax(const ConfigReader& config,
                             const RouterConfig& router) {
  constexpr Index most = 1 << 30;
  if (config.find_whole({"shared_intermediate_size"}, 0, most).value_or(0) != 0)
    config.refuse("shared_intermediate_size", "no shared expert, 0");
  if (router.key != SelectionKey::score_plus_bias) return;  // not of M2
  if (config.find_text("scoring_func").value_or("sigmoid") != "sigmoid")
    config.refuse("scoring_func", "sigmoid");
  if (!config.find_boolean("use_routing_bias").value_or(true))
    config.refuse("use_routing_bias", "true");
}

void read_ernie(const ConfigReader& config, RouterConfig& router) {
  router.epsilon = config.find_number("moe_norm_min").value_or(router.epsilon);
  if (config.find_boolean("use_bias").value_or(false))
    config.refuse("use_bias", "experts without biases, false");
}

void read_longcat(const ConfigReader& config, RouterConfig& router) {
  router.scale =
      config.find_number("routed_scaling_factor").value_or(router.scale);
  if (config.find_text("zero_expert_type").value_or("identity") != "identity")
    config.refuse("zero_expert_type", "identity");
}

// Hunyuan: keys for what the released model does not do. Its class leaves the
// weight of a single expert as it is.
void read_hunyuan(const ConfigReader& config, RouterConfig& router) {
  if (router.chosen == 1) router.normalisation = Normalisation::none;
  if (!config.find_boolean("norm_topk_prob").value_or(true))
    config.refuse("norm_topk_prob", "true");
  for (const std::string_view key : {"group_limited_greedy", "moe_drop_tokens"})
    if (config.find_boolean(key).value_or(false)) config.refuse(key, "false");
}

void read_nemotron(const ConfigReader& config, Index E, RouterConfig& router) {
  router.scale = 1;  // its class's, where config.json is silent
  read_deepseek(config, E, router);
  router.groups.score = GroupScore::sum_of_top2;
  if (config.find_boolean("mlp_bias").value_or(false))
    config.refuse("mlp_bias", "experts without biases, false");
}

// What the chosen weights are divided by.
void read_normalisation(const ConfigReader& config, const Family& family,
                        RouterConfig& router) {
  const bool sum = config.find_boolean("norm_topk_prob")
                       .value_or(family.norm_topk == NormTopK::default_true);
  router.normalisation = sum ? Normalisation::sum : Normalisation::none;
  if (family.model_type != "deepseek_v2" || !sum) return;
  // The authors' class: either the sum or the scale, not both.
  router.epsilon = 1e-20F;
  router.scale = 1;
}

// DBRX calls it a norm: 1 the sum, 2 Euclid's, null none.
void read_norm(const ConfigReader& config, RouterConfig& router) {
  constexpr std::string_view key = "ffn_config.moe_normalize_expert_weights";
  if (config.says_null(key)) router.normalisation = Normalisation::none;
  const auto p = config.find_number(key);
  if (p && *p != 1 && *p != 2) config.refuse(key, "1, 2 or null");
  if (p && *p == 2) router.normalisation = Normalisation::l2;
}

}  // namespace

RouterConfig read_router(const ConfigReader& config, const Family& family,
                         const Preset& preset, const LayerSizes& sizes) {
  RouterConfig router = preset.router;
  router.chosen = sizes.chosen;
  if (family.router_keys == RouterKeys::deepseek)
    read_deepseek(config, sizes.experts, router);
  if (family.router_keys == RouterKeys::minimax)
    expect_released_minimax(config, router);
  if (family.router_keys == RouterKeys::ernie) read_ernie(config, router);
  if (family.router_keys == RouterKeys::longcat) read_longcat(config, router);
  if (family.router_keys == RouterKeys::hunyuan) read_hunyuan(config, router);
  if (family.router_keys == RouterKeys::nemotron)
    read_nemotron(config, sizes.experts, router);
  if (family.norm_topk != NormTopK::not_a_key)
    read_normalisation(config, family, router);
  read_norm(config, router);
  if (router.raw_weight == RawWeight::near_tie_softmax) {
    router.near_tie =
        config.find_number("router_jitter_noise").value_or(router.near_tie);
    router.noise = config.find_number("input_jitter_noise").value_or(0);
  }
  return router;
}

Activation read_activation(const ConfigReader& config, const Preset& preset) {
  Activation activation = preset.activation;
  if (activation.function == Nonlinearity::swish) {  // gpt-oss
    activation.limit =
        config.find_number("swiglu_limit").value_or(activation.limit);
    activation.slope =
        config.find_number("swiglu_alpha").value_or(activation.slope);
    return activation;
  }
  for (const std::string_view key :
       {"hidden_act", "mlp_hidden_act", "ffn_config.ffn_act_fn.name"}) {
    const auto name = config.find_text(key);
    if (!name) continue;
    if (*name == "silu" || *name == "swish")
      activation.function = Nonlinearity::silu;
    else if (*name == "gelu")
      activation.function = Nonlinearity::gelu;
    else if (*name == "gelu_pytorch_tanh" || *name == "gelu_new")
      activation.function = Nonlinearity::gelu_tanh;
    else if (*name == "relu")
      activation.function = Nonlinearity::relu;
    else if (*name == "relu2")
      activation.function = Nonlinearity::relu_squared;
    else
      config.refuse(key, "silu, gelu, gelu_pytorch_tanh, relu or relu2");
  }
  return activation;
}

}  // namespace moe::io
