// config.json of every family: which layers have experts, and what they choose.
#include "tests/io/family_folders.h"

namespace moe::io {
namespace {

ModelInfo info_of(const std::string& config) {
  const Folder folder;
  write_bytes(folder.path("config.json"), with_f(config, 2));
  return read_model_info(folder.path());
}

TEST(Config, LayersWithExperts) {
  EXPECT_EQ(info_of(kQwen2).moe_layers, (std::vector<Index>{1}));         // every second, but not 3
  EXPECT_EQ(info_of(kDeepSeek2).moe_layers, (std::vector<Index>{2, 4}));  // from 1, every second
  EXPECT_EQ(info_of(kLlama4).moe_layers, (std::vector<Index>{1, 3}));
  EXPECT_EQ(info_of(kLlama4Text).moe_layers, (std::vector<Index>{0, 2}));  // the list wins
  EXPECT_EQ(info_of(kDbrx).moe_layers, (std::vector<Index>{0, 1}));
}

TEST(Config, Choices) {
  EXPECT_EQ(info_of(kQwen2).router.normalisation, Normalisation::sum);
  EXPECT_EQ(info_of(kQwen2).shared, SharedKind::sigmoid_gated);
  EXPECT_EQ(info_of(changed(kQwen2, R"("norm_topk_prob":true,)", "")).router.normalisation,
            Normalisation::none);
  EXPECT_EQ(info_of(kQwen3).router.normalisation, Normalisation::none);
  EXPECT_EQ(info_of(kOlmoe).router.normalisation, Normalisation::sum);
  EXPECT_EQ(info_of(kPhi).router.near_tie, 0.25F);
  EXPECT_EQ(info_of(kPhi).router.noise, 0.0F);
  EXPECT_EQ(info_of(changed(kPhi, R"("router_jitter_noise":0.25)", R"("input_jitter_noise":0.125)")).router.noise, 0.125F);
  EXPECT_EQ(info_of(kPhi).router.raw_weight, RawWeight::near_tie_softmax);
  EXPECT_EQ(info_of(kDbrx).router.normalisation, Normalisation::l2);
  EXPECT_EQ(info_of(changed(kDbrx, R"("moe_normalize_expert_weights":2)",
                            R"("moe_normalize_expert_weights":null)"))
                .router.normalisation,
            Normalisation::none);
  EXPECT_EQ(info_of(changed(kDbrx, R"(,
        "moe_top_k":2,"moe_normalize_expert_weights":2)",
                            R"(,"moe_top_k":2)"))
                .router.normalisation,
            Normalisation::sum);
  EXPECT_EQ(info_of(kGptOss).activation.limit, 3.5F);
  EXPECT_EQ(info_of(kGptOss).activation.slope, 1.702F);
  EXPECT_EQ(info_of(kGptOss).activation.function, Nonlinearity::swish);
  EXPECT_EQ(info_of(kGranite).router.raw_weight, RawWeight::softmax_of_chosen);
  EXPECT_EQ(info_of(kLlama4).router.weight_on, WeightOn::input);
  EXPECT_EQ(info_of(kLlama4).model_type, "llama4");
  EXPECT_EQ(info_of(kDeepSeek3).shared, SharedKind::none);
}

TEST(Config, DeepSeek2Choices) {
  const RouterConfig limited = info_of(kDeepSeek2).router;
  EXPECT_EQ(limited.score, Score::softmax);
  EXPECT_EQ(limited.key, SelectionKey::score);
  EXPECT_EQ(limited.groups.count, 3);
  EXPECT_EQ(limited.groups.kept, 1);
  EXPECT_EQ(limited.groups.score, GroupScore::max);
  EXPECT_EQ(limited.scale, 16.0F);
  EXPECT_EQ(limited.normalisation, Normalisation::none);
  const RouterConfig greedy = info_of(changed(kDeepSeek2, "group_limited_greedy", "greedy")).router;
  EXPECT_EQ(greedy.groups.count, 1);
  const RouterConfig summed =
      info_of(changed(kDeepSeek2, R"("norm_topk_prob":false)", R"("norm_topk_prob":true)")).router;
  EXPECT_EQ(summed.normalisation, Normalisation::sum);
  EXPECT_EQ(summed.scale, 1.0F);  // the authors' class divides or scales
}

TEST(Config, ChoicesAfterDeepSeek3) {
  EXPECT_EQ(info_of(kQwen3Next).router.normalisation, Normalisation::sum);  // its class's default
  EXPECT_EQ(info_of(kQwen3Next).moe_layers, (std::vector<Index>{1, 2, 3}));
  EXPECT_EQ(info_of(kGlm4).moe_layers, (std::vector<Index>{3, 4}));
  for (const char* config : {kKimi2, kGlm4, kDots1}) {
    const RouterConfig router = info_of(config).router;
    EXPECT_EQ(router.score, Score::sigmoid);
    EXPECT_EQ(router.key, SelectionKey::score_plus_bias);
    EXPECT_EQ(router.groups.count, 1);
    EXPECT_EQ(router.normalisation, Normalisation::sum);
    EXPECT_EQ(router.epsilon, 1e-20F);
    EXPECT_EQ(router.scale, config == kKimi2 ? 2.827F : 2.5F);
  }
  const RouterConfig silent = info_of(changed(kGlm4, R"("routed_scaling_factor":2.5,)", "")).router;
  EXPECT_EQ(silent.scale, 1.0F);
  const RouterConfig dots = info_of(changed(kDots1, R"("norm_topk_prob":true,)", "")).router;
  EXPECT_EQ(dots.normalisation, Normalisation::none);
}

TEST(Config, MiniMaxChoices) {
  for (const char* config : {kMiniMax, kMiniMax01}) {
    const RouterConfig first = info_of(config).router;
    EXPECT_EQ(first.score, Score::softmax);
    EXPECT_EQ(first.key, SelectionKey::score);
    EXPECT_EQ(first.normalisation, Normalisation::sum);
  }
  EXPECT_EQ(info_of(changed(kMiniMax01, "minimax_text_01", "minimax_m1")).preset, "minimax_01");
  const RouterConfig second = info_of(kMiniMax2).router;
  EXPECT_EQ(second.score, Score::sigmoid);
  EXPECT_EQ(second.key, SelectionKey::score_plus_bias);
  EXPECT_EQ(second.epsilon, 0.0F);
  const auto refused = [](const char* config, const char* from, const char* to,
                          const char* key) {
    expect_error([&] { info_of(changed(config, from, to)); }, {"config.json", key, "expected"});
  };
  refused(kMiniMax01, R"(size":0)", R"(size":7)", "shared_intermediate_size");
  refused(kMiniMax2, R"("sigmoid")", R"("softmax")", "scoring_func");
  refused(kMiniMax2, R"(bias":true)", R"(bias":false)", "use_routing_bias");
}

TEST(Config, ErnieChoices) {
  EXPECT_EQ(info_of(kErnie).moe_layers, (std::vector<Index>{3, 5}));
  EXPECT_EQ(info_of(changed(kErnie, R"(end_index":5)", R"(end_index":-1)")).moe_layers,
            (std::vector<Index>{3, 5}));
  EXPECT_EQ(info_of(changed(kErnie, R"(interval":2)", R"(interval":1)")).moe_layers,
            (std::vector<Index>{2, 3, 4, 5}));
  EXPECT_EQ(info_of(kErnie).sizes.chosen, 2);
  EXPECT_EQ(info_of(kErnie).sizes.shared_hidden, 4);
  EXPECT_EQ(info_of(changed(kErnie, R"("moe_num_shared_experts":2,)", "")).sizes.shared_hidden, 4);
  EXPECT_EQ(info_of(changed(kErnie, R"(experts":2)", R"(experts":0)")).shared, SharedKind::none);
  EXPECT_EQ(info_of(kErnie).router.normalisation, Normalisation::max_sum);
  EXPECT_EQ(info_of(kErnie).router.epsilon, 1e-12F);
  EXPECT_EQ(info_of(changed(kErnie, R"("use_bias":false)", R"("moe_norm_min":0.5)")).router.epsilon,
            0.5F);
  expect_error([] { info_of(changed(kErnie, R"(bias":false)", R"(bias":true)")); },
               {"config.json", "use_bias", "without biases"});
}

TEST(Config, JambaChoices) {
  EXPECT_EQ(info_of(kJamba).moe_layers, (std::vector<Index>{2, 5}));
  const std::string silent = changed(kJamba, R"(,"expert_layer_period":3,"expert_layer_offset":2)", "");
  EXPECT_EQ(info_of(silent).moe_layers, (std::vector<Index>{1, 3, 5}));
  EXPECT_EQ(info_of(kJamba).router.normalisation, Normalisation::none);
}

TEST(Config, LongCatChoices) {
  const ModelInfo info = info_of(kLongCat);
  EXPECT_EQ(info.sizes.experts, 5);
  EXPECT_EQ(info.identities, 2);
  EXPECT_EQ(info.sizes.chosen, 4);
  EXPECT_EQ(info.moe_layers, (std::vector<Index>{0, 1, 2}));
  EXPECT_EQ(info.router.scale, 3.5F);
  EXPECT_EQ(info.router.normalisation, Normalisation::none);
  expect_error([] { info_of(changed(kLongCat, R"("identity")", R"("copy")")); },
               {"config.json", "zero_expert_type", "identity", "copy"});
}

TEST(Config, HunyuanChoices) {
  EXPECT_EQ(info_of(kHunyuan).sizes.chosen, 2);
  const ModelInfo single = info_of(changed(kHunyuan, "[2,2]", "1"));
  EXPECT_EQ(single.sizes.chosen, 1);
  EXPECT_EQ(single.router.normalisation, Normalisation::none);  // as its class
  EXPECT_EQ(info_of(kHunyuan).router.normalisation, Normalisation::max_sum);
  const auto refused = [](const char* from, const char* to, const char* key) {
    expect_error([&] { info_of(changed(kHunyuan, from, to)); }, {"config.json", key, "expected"});
  };
  refused("[2,2]", "[2,1]", "moe_topk");
  refused("[2,2]", "[4,4]", "moe_topk");
  refused("[2,2]", "[]", "moe_topk");
  refused(R"(prob":true)", R"(prob":false)", "norm_topk_prob");
  refused(R"(tokens":false)", R"(tokens":true)", "moe_drop_tokens");
}

TEST(Config, HunyuansOwnClass) {
  const ModelInfo info = info_of(kHunyuanOwn);
  EXPECT_EQ(info.sizes.hidden, 2);
  EXPECT_EQ(info.sizes.shared_hidden, 4);
  EXPECT_EQ(info.moe_layers, (std::vector<Index>{1}));
  EXPECT_EQ(info.router.normalisation, Normalisation::max_sum);
  EXPECT_EQ(info_of(changed(kHunyuanOwn, R"("use_mixed_mlp_moe":true)", R"("use_mixed_mlp_moe":false)")).shared, SharedKind::none);
  EXPECT_EQ(info_of(changed(kHunyuanOwn, R"("moe_intermediate_size":[$F,$F])", R"("moe_intermediate_size":null)")).sizes.hidden, 77);
  expect_error([] { info_of(changed(kHunyuanOwn, "[$F,$F]", "[3,2]")); }, {"config.json", "moe_intermediate_size", "every layer"});
  expect_error([] { info_of(changed(kHunyuanOwn, R"("num_experts":3)", R"("num_experts":[3,1])")); }, {"config.json", "num_experts"});
}

TEST(Config, NemotronChoices) {
  const ModelInfo info = info_of(kNemotron);
  EXPECT_EQ(info.moe_layers, (std::vector<Index>{1, 3}));
  EXPECT_EQ(info.layers, 4);
  EXPECT_EQ(info.latent, 0);
  EXPECT_EQ(info.sizes.shared_hidden, 4);
  EXPECT_EQ(info.activation.function, Nonlinearity::relu_squared);
  EXPECT_FALSE(info.activation.gated);
  EXPECT_EQ(info.router.score, Score::sigmoid);
  EXPECT_EQ(info.router.key, SelectionKey::score_plus_bias);
  EXPECT_EQ(info.router.scale, 2.5F);
  EXPECT_EQ(info.router.epsilon, 1e-20F);
  const auto with = [](const char* from, const char* to) { return info_of(changed(kNemotron, from, to)); };
  EXPECT_EQ(with(R"("routed_scaling_factor":2.5,)", "").router.scale, 1.0F);  // its class's default
  EXPECT_EQ(with(R"("mlp_hidden_act":"relu2")", R"("mlp_hidden_act":"silu")").activation.function, Nonlinearity::silu);
  EXPECT_EQ(with(R"("mlp_bias":false)", R"("moe_latent_size":3)").latent, 3);
  EXPECT_EQ(with(R"("n_shared_experts":1)", R"("n_shared_experts":0)").shared, SharedKind::none);
  const char* words = R"("layers_block_type":["moe","mamba","moe"])";
  EXPECT_EQ(with(R"("hybrid_override_pattern":"ME*E")", words).moe_layers, (std::vector<Index>{0, 2}));
  const auto refused = [](const char* from, const char* to, std::vector<std::string> parts) {
    expect_error([&] { info_of(changed(kNemotron, from, to)); }, parts);
  };
  refused(R"("mlp_bias":false)", R"("mlp_bias":true)", {"config.json", "mlp_bias"});
  refused(R"(,"hybrid_override_pattern":"ME*E")", "", {"config.json", "hybrid_override_pattern", "nothing"});
  refused(R"("ME*E")", R"("MM*M")", {"config.json", "a layer with experts"});
  refused(R"("hybrid_override_pattern":"ME*E")", R"("layers_block_type":["moe",1])", {"layers_block_type", "strings"});
}

TEST(Config, RefusesByFileAndKey) {
  const auto refused = [](const std::string& config, std::vector<std::string> parts) {
    parts.push_back("config.json");
    expect_error([&] { info_of(config); }, parts);
  };
  refused(changed(kMixtral, "mixtral", "bert"),
          {"model_type", "'bert'", "mixtral", "deepseek_v3", "phimoe"});
  refused(changed(kMixtral, R"("model_type":"mixtral",)", ""), {"model_type", "nothing"});
  refused("[]", {"an object"});
  refused("{", {"malformed JSON"});
  refused("", {"malformed JSON"});
  refused("{\"a\":" + std::string(1'000'000, '['), {"deeper than 64"});
  refused(changed(kMixtral, R"("num_experts_per_tok":2)", R"("num_experts_per_tok":4)"),
          {"num_experts_per_tok", "from 1 to 3", "found 4"});
  refused(changed(kMixtral, R"("num_experts_per_tok":2)", R"("num_experts_per_tok":0)"),
          {"num_experts_per_tok"});
  refused(changed(kMixtral, R"("num_local_experts":3)", R"("num_local_experts":-3)"),
          {"num_local_experts", "-3"});
  refused(changed(kMixtral, R"("num_local_experts":3)", R"("num_local_experts":1e18)"),
          {"num_local_experts"});
  refused(
      changed(kMixtral, R"("num_local_experts":3)", R"("num_local_experts":18446744073709551615)"),
      {"num_local_experts"});
  refused(changed(kMixtral, R"("hidden_size":5,)", ""), {"hidden_size", "nothing"});
  refused(changed(kMixtral, R"("num_hidden_layers":2)", R"("num_hidden_layers":999999999)"),
          {"num_hidden_layers"});
  refused(
      changed(kMixtral, R"("num_hidden_layers":2)", R"("num_hidden_layers":2,"hidden_act":"mish")"),
      {"hidden_act", "mish"});
  refused(changed(kMixtral, R"("num_hidden_layers":2)",
                  R"("num_hidden_layers":2,"quantization_config":{"quant_method":"fp8"})"),
          {"quant_method", "fp8"});
  refused(changed(kQwen2, R"("norm_topk_prob":true)", R"("norm_topk_prob":1)"),
          {"norm_topk_prob", "true or false"});
  refused(changed(kQwen2, R"("mlp_only_layers":[3])", R"("mlp_only_layers":[1,3])"),
          {"a layer with experts"});
  refused(changed(kQwen2, R"("mlp_only_layers":[3])", R"("mlp_only_layers":["x"])"),
          {"mlp_only_layers"});
  refused(changed(kDeepSeek2, R"("n_group":3)", R"("n_group":2)"), {"n_group", "divisor of E=3"});
  refused(changed(kDeepSeek2, R"("num_experts_per_tok":1)", R"("num_experts_per_tok":2)"),
          {"topk_group", "K=2"});
  refused(changed(kDeepSeek2, R"("group_limited_greedy")", R"("greedier")"),
          {"topk_method", "greedier"});
  refused(changed(kDeepSeek2, R"("softmax")", R"("tanh")"), {"scoring_func", "tanh"});
  refused(changed(kDeepSeek2, "16.0", "1e39"), {"routed_scaling_factor", "binary32"});
  refused(changed(kDbrx, R"(weights":2)", R"(weights":3)"),
          {"moe_normalize_expert_weights", "1, 2 or null"});
}

}  // namespace
}  // namespace moe::io
