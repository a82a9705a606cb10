// Every family, in every layout: each weight must land in its place.
#include <map>

#include "tests/io/family_folders.h"

namespace moe::io {
namespace {

void expect_experts(const SparseLayer& layer, Index F, bool biases) {
  expect_matrix(layer.router.weight, router, 0, E, D);
  ASSERT_EQ(layer.experts.ffn.size(), std::size_t(E));
  for (Index e = 0; e < E; ++e) {
    const Ffn& ffn = layer.experts.ffn[std::size_t(e)];
    expect_matrix(ffn.gate, gate, e, F, D);
    expect_matrix(ffn.up, up, e, F, D);
    expect_matrix(ffn.down, down, e, D, F);
    ASSERT_EQ(ffn.gate_bias.size(), biases ? F : 0);
    if (!biases) continue;
    expect_matrix(ffn.gate_bias, gate_bias, e, F, 1);
    expect_matrix(ffn.up_bias, up_bias, e, F, 1);
    expect_matrix(ffn.down_bias, down_bias, e, D, 1);
  }
}

void expect_shared(const SparseLayer& layer, Index width) {
  ASSERT_TRUE(layer.shared);
  expect_matrix(layer.shared->ffn.gate, sh_gate, 0, width, D);
  expect_matrix(layer.shared->ffn.up, sh_up, 0, width, D);
  expect_matrix(layer.shared->ffn.down, sh_down, 0, D, width);
}

/// One way to store one family.
struct Way {
  const char* name;
  const char* config;  // $F stands for F
  const char* prefix;
  void (*fill)(Draft&, Index F);
  Index layer;
  Index shared;  // width; -1: F
  bool biases;
  bool corrected = false;  // a bias that chooses
};

void proj(Draft& d) {
  d.add_separate("gate_proj", "up_proj", "down_proj");
}
void fused(Draft& d) {
  d.add_fused_rows("experts.gate_up_proj", "experts.down_proj");
}
void qwen2_shared(Draft& d) {
  d.add_shared("shared_expert", S);
  d.add("shared_expert_gate.weight", {1, D}, table(sh_router, 0, 1, D));
}
void mixtral(Draft& d, Index) {
  d.add_router("gate.weight");
  d.add_separate("w1", "w3", "w2");
}
void deepseek3(Draft& d) {
  d.add_router("gate.weight");
  d.add_vector("gate.e_score_correction_bias", correction);
}
void ernie(Draft& d, Index F) {
  d.add_router("gate.weight");
  d.add("moe_statics.e_score_correction_bias", {1, E}, table(correction, 0, E, 1));
  d.add_shared("shared_experts", 2 * F);
}
void llama4(Draft& d, Index F) {
  d.add_router("router.weight");
  d.add_fused_columns(false);
  d.add_shared("shared_expert", F);
}

const std::vector<Way> kWays = {
    {"mixtral", kMixtral, "model.layers.1.block_sparse_moe.", mixtral, 1, 0, false},
    {"mixtral_fused", kMixtral, "model.layers.0.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
     },
     0, 0, false},
    {"phimoe", kPhi, "model.layers.1.block_sparse_moe.", mixtral, 1, 0, false},
    {"phimoe_fused", kPhi, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("router.weight");
       fused(d);
     },
     1, 0, false},
    {"qwen2_moe", kQwen2, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       proj(d);
       qwen2_shared(d);
     },
     1, S, false},
    {"qwen2_moe_fused", kQwen2, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
       qwen2_shared(d);
     },
     1, S, false},
    {"qwen3_moe", kQwen3, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       proj(d);
     },
     1, 0, false},
    {"qwen3_moe_fused", kQwen3, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
     },
     1, 0, false},
    {"olmoe_fused", kOlmoe, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
     },
     1, 0, false},
    {"deepseek_v2", kDeepSeek2, "model.layers.4.mlp.",
     [](Draft& d, Index F) {
       d.add_router("gate.weight");
       proj(d);
       d.add_shared("shared_experts", 2 * F);
     },
     4, -2, false},
    {"deepseek_v2_fused", kDeepSeek2, "model.layers.2.mlp.",
     [](Draft& d, Index F) {
       d.add_router("gate.weight");
       fused(d);
       d.add_shared("shared_experts", 2 * F);
     },
     2, -2, false},
    {"deepseek_v3_fused", kDeepSeek3, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       deepseek3(d);
       fused(d);
     },
     1, 0, false, true},
    {"gpt_oss", kGptOss, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("router.weight");
       d.add_vector("router.bias", router_bias);
       d.add_fused_columns(true);
       d.add_gpt_oss_biases();
     },
     1, 0, true},
    {"granitemoe", kGranite, "model.layers.1.block_sparse_moe.",
     [](Draft& d, Index) {
       d.add_router("router.layer.weight");
       d.add_fused_rows("input_linear.weight", "output_linear.weight");
     },
     1, 0, false},
    {"granitemoe_fused", kGranite, "model.layers.1.block_sparse_moe.",
     [](Draft& d, Index) {
       d.add_router("router.weight");
       fused(d);
     },
     1, 0, false},
    {"dbrx", kDbrx, "transformer.blocks.1.ffn.",
     [](Draft& d, Index) {
       d.add_router("router.layer.weight");
       d.add_dbrx();
     },
     1, 0, false},
    {"llama4", kLlama4, "language_model.model.layers.3.feed_forward.", llama4, 3, -1, false},
    {"llama4_in_memory", kLlama4, "model.language_model.layers.1.feed_forward.", llama4, 1, -1,
     false},
    {"llama4_text", kLlama4Text, "model.layers.2.feed_forward.", llama4, 2, -1, false},
    {"qwen3_next", kQwen3Next, "model.layers.2.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       proj(d);
       qwen2_shared(d);
     },
     2, S, false},
    {"qwen3_next_fused", kQwen3Next, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
       qwen2_shared(d);
     },
     1, S, false},
    {"kimi_k2", kKimi2, "model.layers.2.mlp.",
     [](Draft& d, Index F) {
       deepseek3(d);
       proj(d);
       d.add_shared("shared_experts", F);
     },
     2, -1, false, true},
    {"glm4_moe", kGlm4, "model.layers.4.mlp.",
     [](Draft& d, Index F) {
       deepseek3(d);
       proj(d);
       d.add_shared("shared_experts", F);
     },
     4, -1, false, true},
    {"glm4_moe_fused", kGlm4, "model.layers.3.mlp.",
     [](Draft& d, Index F) {
       deepseek3(d);
       fused(d);
       d.add_shared("shared_experts", F);
     },
     3, -1, false, true},
    {"dots1", kDots1, "model.layers.2.mlp.",
     [](Draft& d, Index F) {
       deepseek3(d);
       proj(d);
       d.add_shared("shared_experts", 2 * F);
     },
     2, -2, false, true},
    {"dots1_fused", kDots1, "model.layers.1.mlp.",
     [](Draft& d, Index F) {
       deepseek3(d);
       fused(d);
       d.add_shared("shared_experts", 2 * F);
     },
     1, -2, false, true},
    {"minimax", kMiniMax, "model.layers.1.block_sparse_moe.", mixtral, 1, 0, false},
    {"minimax_fused", kMiniMax, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
     },
     1, 0, false},
    {"minimax_text_01", kMiniMax01, "model.layers.1.block_sparse_moe.", mixtral, 1, 0, false},
    {"minimax_m2", kMiniMax2, "model.layers.1.block_sparse_moe.",
     [](Draft& d, Index F) {
       mixtral(d, F);
       d.add_vector("e_score_correction_bias", correction);
     },
     1, 0, false, true},
    {"minimax_m2_fused", kMiniMax2, "model.layers.1.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       d.add_vector("e_score_correction_bias", correction);
       fused(d);
     },
     1, 0, false, true},
    {"ernie4_5_moe", kErnie, "model.layers.5.mlp.",
     [](Draft& d, Index F) {
       ernie(d, F);
       proj(d);
     },
     5, -2, false, true},
    {"ernie4_5_moe_fused", kErnie, "model.layers.3.mlp.",
     [](Draft& d, Index F) {
       ernie(d, F);
       fused(d);
     },
     3, -2, false, true},
    {"jamba", kJamba, "model.layers.5.feed_forward.",
     [](Draft& d, Index) {
       d.add_router("router.weight");
       proj(d);
     },
     5, 0, false},
    {"jamba_fused", kJamba, "model.layers.2.feed_forward.",
     [](Draft& d, Index) {
       d.add_router("router.weight");
       fused(d);
     },
     2, 0, false},
    {"hunyuan_v1_moe", kHunyuan, "model.layers.1.mlp.",
     [](Draft& d, Index F) {
       d.add_router("gate.wg.weight");
       proj(d);
       d.add_shared("shared_mlp", F);
     },
     1, -1, false},
    {"hunyuan_v1_moe_fused", kHunyuan, "model.layers.0.mlp.",
     [](Draft& d, Index F) {
       d.add_router("gate.wg.weight");
       fused(d);
       d.add_shared("shared_mlp", F);
     },
     0, -1, false},
    {"hunyuan", kHunyuanOwn, "model.layers.1.mlp.",
     [](Draft& d, Index F) {
       d.add_router("gate.wg.weight");
       proj(d);
       d.add_shared("shared_mlp", 2 * F);
     },
     1, -2, false},
};

class Families : public ::testing::TestWithParam<Way> {};

TEST_P(Families, EveryWeightLandsInItsPlace) {
  const Way& way = GetParam();
  for (const Index F : {2, 1, 3}) {  // 3: E = F, so that a mix-up of the two keeps the shape
    SCOPED_TRACE(F);
    const Folder folder;
    Draft draft(way.prefix, F);
    way.fill(draft, F);
    // storage_of looks at the first MoE layer: give it a block of its own, filled the same
    const Index first = [&] {
      write_bytes(folder.path("config.json"), with_f(way.config, F));
      return read_model_info(folder.path()).moe_layers.front();
    }();
    std::vector<Tensor> tensors = draft.tensors;
    const auto dotted = [](Index layer) {
      std::string text(".");
      text += std::to_string(layer);
      return text += ".";
    };
    const std::string from = dotted(way.layer);
    if (first != way.layer)
      for (Tensor tensor : draft.tensors) {
        tensor.name.replace(tensor.name.find(from), from.size(), dotted(first));
        tensors.push_back(tensor);
      }
    write_model(folder, with_f(way.config, F), tensors);

    const Model model(folder.path());
    EXPECT_EQ(model.info().storage, "f32");
    const SparseLayer layer = model.load_layer(way.layer);
    expect_experts(layer, F, way.biases);
    const Index width = way.shared >= 0 ? way.shared : -way.shared * F;
    EXPECT_EQ(layer.shared.has_value(), width != 0);
    if (width != 0) expect_shared(layer, width);
    const std::string family = model.info().model_type;
    const bool gated = family == "qwen2_moe" || family == "qwen3_next";
    EXPECT_EQ(layer.shared && layer.shared->gate.size() != 0, gated);
    if (gated) expect_matrix(layer.shared->gate, sh_router, 0, 1, D);
    EXPECT_EQ(layer.router.bias.size(), way.biases ? E : 0);
    if (way.biases) expect_matrix(layer.router.bias, router_bias, 0, E, 1);
    EXPECT_EQ(layer.router.selection_bias.size(), way.corrected ? E : 0);
    if (way.corrected) expect_matrix(layer.router.selection_bias, correction, 0, E, 1);
  }
}

// The router knows five experts; the last two have no weights.
TEST(LongCat, IdentitiesComeAfterTheNetworks) {
  const Index F = 2;
  const Folder folder;
  Draft draft("model.layers.0.mlp.", F);
  draft.add("router.classifier.weight", {E + 2, D}, table(router, 0, E + 2, D));
  draft.add("router.e_score_correction_bias", {E + 2}, table(correction, 0, E + 2, 1));
  proj(draft);
  write_model(folder, with_f(kLongCat, F), draft.tensors);
  const SparseLayer layer = load_layer(folder.path(), 0);
  expect_matrix(layer.router.weight, router, 0, E + 2, D);
  expect_matrix(layer.router.selection_bias, correction, 0, E + 2, 1);
  EXPECT_EQ(layer.experts.identities, 2);
  ASSERT_EQ(layer.experts.ffn.size(), std::size_t(E));
  for (Index e = 0; e < E; ++e) {
    expect_matrix(layer.experts.ffn[std::size_t(e)].gate, gate, e, F, D);
    expect_matrix(layer.experts.ffn[std::size_t(e)].up, up, e, F, D);
    expect_matrix(layer.experts.ffn[std::size_t(e)].down, down, e, D, F);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

}  // namespace
}  // namespace moe::io
