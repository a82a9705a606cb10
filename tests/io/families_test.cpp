// Synthetic folders of every family, in every layout: each weight must land in its place.
//
// Every tensor holds distinct whole numbers that say what they are; the loops that lay them out
// here follow the families' definitions and share nothing with the table that is under test.
#include <map>

#include "reference/io/hugging_face.h"
#include "reference/numerics/formats.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::expect_error;
using testing::f32_tensor;
using testing::Folder;
using testing::safetensors;
using testing::Tensor;
using testing::write_bytes;

constexpr Index E = 3;
constexpr Index D = 5;
constexpr Index S = 4;

enum Role {
  router,
  router_bias,
  correction,
  gate,
  up,
  down,
  gate_bias,
  up_bias,
  down_bias,
  sh_gate,
  sh_up,
  sh_down,
  sh_router
};

// Exact in float32; also with its role and expert readable from the digits.
float number(Role role, Index e, Index row, Index column) {
  return static_cast<float>(1'000'000 * (role + 1) + 10'000 * e + 100 * row + column);
}

std::vector<float> table(Role role, Index e, Index rows, Index columns) {
  std::vector<float> values;
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c) values.push_back(number(role, e, r, c));
  return values;
}

/// The tensors of a folder with one MoE layer's block under a prefix.
class Draft {
 public:
  Draft(std::string prefix, Index F) : prefix_(std::move(prefix)), F_(F) {}

  void add(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    tensors.push_back(f32_tensor(prefix_ + name, shape, values));
  }

  void add_router(const std::string& name) { add(name, {E, D}, table(router, 0, E, D)); }

  void add_vector(const std::string& name, Role role) { add(name, {E}, table(role, 0, E, 1)); }

  void add_separate(const std::string& g, const std::string& u, const std::string& d) {
    for (Index e = 0; e < E; ++e) {
      const std::string stem = "experts." + std::to_string(e) + ".";
      add(stem + g + ".weight", {F_, D}, table(gate, e, F_, D));
      add(stem + u + ".weight", {F_, D}, table(up, e, F_, D));
      add(stem + d + ".weight", {D, F_}, table(down, e, D, F_));
    }
  }

  // [E,2F,D], gate rows first; [E,D,F]
  void add_fused_rows(const std::string& gate_up, const std::string& down_name) {
    std::vector<float> both;
    std::vector<float> out;
    for (Index e = 0; e < E; ++e) {
      for (const Role role : {gate, up})
        for (const float v : table(role, e, F_, D)) both.push_back(v);
      for (const float v : table(down, e, D, F_)) out.push_back(v);
    }
    add(gate_up, {E, 2 * F_, D}, both);
    add(down_name, {E, D, F_}, out);
  }

  // [E,D,2F], applied as x W; gate columns first or gate and up in turn; [E,F,D]
  void add_fused_columns(bool interleaved) {
    std::vector<float> both;
    std::vector<float> out;
    for (Index e = 0; e < E; ++e) {
      for (Index d = 0; d < D; ++d)
        for (Index column = 0; column < 2 * F_; ++column) {
          const Index f = interleaved ? column / 2 : column % F_;
          const bool is_up = interleaved ? column % 2 == 1 : column >= F_;
          both.push_back(number(is_up ? up : gate, e, f, d));
        }
      for (Index f = 0; f < F_; ++f)
        for (Index d = 0; d < D; ++d) out.push_back(number(down, e, d, f));
    }
    add("experts.gate_up_proj", {E, D, 2 * F_}, both);
    add("experts.down_proj", {E, F_, D}, out);
  }

  void add_gpt_oss_biases() {
    std::vector<float> both;
    std::vector<float> out;
    for (Index e = 0; e < E; ++e) {
      for (Index f = 0; f < F_; ++f) {
        both.push_back(number(gate_bias, e, f, 0));
        both.push_back(number(up_bias, e, f, 0));
      }
      for (const float v : table(down_bias, e, D, 1)) out.push_back(v);
    }
    add("experts.gate_up_proj_bias", {E, 2 * F_}, both);
    add("experts.down_proj_bias", {E, D}, out);
  }

  // [E F,D] each; w2 is not transposed: the output is h w2
  void add_dbrx() {
    std::vector<float> w1;
    std::vector<float> v1;
    std::vector<float> w2;
    for (Index e = 0; e < E; ++e)
      for (Index f = 0; f < F_; ++f)
        for (Index d = 0; d < D; ++d) {
          w1.push_back(number(gate, e, f, d));
          v1.push_back(number(up, e, f, d));
          w2.push_back(number(down, e, d, f));
        }
    add("experts.mlp.w1", {E * F_, D}, w1);
    add("experts.mlp.v1", {E * F_, D}, v1);
    add("experts.mlp.w2", {E * F_, D}, w2);
  }

  void add_shared(const std::string& stem, Index width) {
    add(stem + ".gate_proj.weight", {width, D}, table(sh_gate, 0, width, D));
    add(stem + ".up_proj.weight", {width, D}, table(sh_up, 0, width, D));
    add(stem + ".down_proj.weight", {D, width}, table(sh_down, 0, D, width));
  }

  std::vector<Tensor> tensors;

 private:
  std::string prefix_;
  Index F_;
};

void expect_matrix(const Matrix& m, Role role, Index e, Index rows, Index columns) {
  ASSERT_EQ(m.rows(), rows) << role;
  ASSERT_EQ(m.cols(), columns) << role;
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c)
      ASSERT_EQ(m(r, c), number(role, e, r, c))
          << "role " << role << " expert " << e << " [" << r << "," << c << "]";
}

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

void write_model(const Folder& folder, const std::string& config,
                 const std::vector<Tensor>& tensors) {
  write_bytes(folder.path("config.json"), config);
  write_bytes(folder.path("model.safetensors"), safetensors(tensors));
}

std::string with_f(std::string text, Index F) {
  const std::size_t at = text.find("$F");
  return at == std::string::npos ? text : text.replace(at, 2, std::to_string(F));
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
};

constexpr const char* kMixtral =
    R"({"model_type":"mixtral","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2})";
constexpr const char* kPhi =
    R"({"model_type":"phimoe","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2,"router_jitter_noise":0.25})";
constexpr const char* kQwen2 =
    R"({"model_type":"qwen2_moe","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,"num_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":4,"shared_expert_intermediate_size":4,"norm_topk_prob":true,
        "decoder_sparse_step":2,"mlp_only_layers":[3]})";
constexpr const char* kQwen3 =
    R"({"model_type":"qwen3_moe","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,"num_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2,"norm_topk_prob":false})";
constexpr const char* kOlmoe =
    R"({"model_type":"olmoe","hidden_size":5,"intermediate_size":$F,"num_experts":3,"num_experts_per_tok":2,
        "num_hidden_layers":2,"norm_topk_prob":true})";
constexpr const char* kDeepSeek2 =
    R"({"model_type":"deepseek_v2","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":1,"num_hidden_layers":5,"n_shared_experts":2,
        "first_k_dense_replace":1,"moe_layer_freq":2,"n_group":3,"topk_group":1,
        "topk_method":"group_limited_greedy","routed_scaling_factor":16.0,"norm_topk_prob":false,
        "scoring_func":"softmax"})";
constexpr const char* kDeepSeek3 =
    R"({"model_type":"deepseek_v3","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":2,"num_hidden_layers":2,"n_shared_experts":null,
        "n_group":1,"topk_group":1,"routed_scaling_factor":2.5,"norm_topk_prob":true})";
constexpr const char* kGptOss =
    R"({"model_type":"gpt_oss","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,"num_experts_per_tok":2,
        "num_hidden_layers":2,"swiglu_limit":3.5,"hidden_act":"silu"})";
constexpr const char* kGranite =
    R"({"model_type":"granitemoe","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2})";
constexpr const char* kDbrx =
    R"({"model_type":"dbrx","d_model":5,"n_layers":2,"ffn_config":{"ffn_hidden_size":$F,"moe_num_experts":3,
        "moe_top_k":2,"moe_normalize_expert_weights":2}})";
constexpr const char* kLlama4 =
    R"({"model_type":"llama4","text_config":{"model_type":"llama4_text","hidden_size":5,"intermediate_size":$F,
        "intermediate_size_mlp":77,"num_local_experts":3,"num_experts_per_tok":1,"num_hidden_layers":4,
        "interleave_moe_layer_step":2}})";
constexpr const char* kLlama4Text =
    R"({"model_type":"llama4_text","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":1,"num_hidden_layers":4,"moe_layers":[0,2],"interleave_moe_layer_step":2})";

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
void llama4(Draft& d, Index F) {
  d.add_router("router.weight");
  d.add_fused_columns(false);
  d.add_shared("shared_expert", F);
}

const std::vector<Way> kWays = {
    {"mixtral", kMixtral, "model.layers.1.block_sparse_moe.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       d.add_separate("w1", "w3", "w2");
     },
     1, 0, false},
    {"mixtral_fused", kMixtral, "model.layers.0.mlp.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       fused(d);
     },
     0, 0, false},
    {"phimoe", kPhi, "model.layers.1.block_sparse_moe.",
     [](Draft& d, Index) {
       d.add_router("gate.weight");
       d.add_separate("w1", "w3", "w2");
     },
     1, 0, false},
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
       d.add_router("gate.weight");
       d.add_vector("gate.e_score_correction_bias", correction);
       fused(d);
     },
     1, 0, false},
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
    const bool gated = std::string(way.name).starts_with("qwen2");
    EXPECT_EQ(layer.shared && layer.shared->gate.size() != 0, gated);
    if (gated) expect_matrix(layer.shared->gate, sh_router, 0, 1, D);
    EXPECT_EQ(layer.router.bias.size(), way.biases ? E : 0);
    if (way.biases) expect_matrix(layer.router.bias, router_bias, 0, E, 1);
    const bool corrected = std::string(way.name).starts_with("deepseek_v3");
    EXPECT_EQ(layer.router.selection_bias.size(), corrected ? E : 0);
    if (corrected) expect_matrix(layer.router.selection_bias, correction, 0, E, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

// ------------------------------------------------------------------------------------------------
// config.json

ModelInfo info_of(const std::string& config) {
  const Folder folder;
  write_bytes(folder.path("config.json"), with_f(config, 2));
  return read_model_info(folder.path());
}

std::string changed(std::string config, const std::string& from, const std::string& to) {
  const std::size_t at = config.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return config.replace(at, from.size(), to);
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

// ------------------------------------------------------------------------------------------------
// bad tensors

std::vector<Tensor> mixtral_tensors() {
  std::vector<Tensor> tensors;
  for (const char* prefix :
       {"model.layers.0.block_sparse_moe.", "model.layers.1.block_sparse_moe."}) {
    Draft draft(prefix, 2);
    draft.add_router("gate.weight");
    draft.add_separate("w1", "w3", "w2");
    tensors.insert(tensors.end(), draft.tensors.begin(), draft.tensors.end());
  }
  return tensors;
}

void expect_layer_refused(const std::vector<Tensor>& tensors,
                          const std::vector<std::string>& parts) {
  const Folder folder;
  write_model(folder, with_f(kMixtral, 2), tensors);
  expect_error([&] { Model(folder.path()).load_layer(1); }, parts);
}

TEST(BadTensors, AreNamedWithExpectedAndFound) {
  const std::string name = "model.layers.1.block_sparse_moe.experts.2.w3.weight";
  const auto with = [&](const std::function<void(Tensor&)>& change) {
    std::vector<Tensor> tensors = mixtral_tensors();
    for (Tensor& tensor : tensors)
      if (tensor.name == name) change(tensor);
    return tensors;
  };
  expect_layer_refused(with([](Tensor& t) { t.name = "other"; }), {name, "missing"});
  expect_layer_refused(with([](Tensor& t) {
                         t.shape = {5, 2};
                       }),
                       {"model.safetensors", name, "[2, 5]", "[5, 2]"});
  expect_layer_refused(with([](Tensor& t) { t.dtype = "I32"; }),
                       {"model.safetensors", name, "F32, F16 or BF16", "I32"});
  expect_layer_refused(with([](Tensor& t) {
                         t.dtype = "F8_E4M3";
                         t.bytes.resize(10);
                       }),
                       {"model.safetensors", name, "F32, F16 or BF16", "F8_E4M3"});
  expect_layer_refused(
      with([](Tensor& t) { t.bytes.replace(12, 4, std::string("\0\0\xc0\x7f", 4)); }),
      {"model.safetensors", name, "finite", "nan", "element 3"});
  expect_layer_refused(
      with([](Tensor& t) { t.bytes.replace(0, 4, std::string("\0\0\x80\x7f", 4)); }),
      {"model.safetensors", name, "finite", "inf", "element 0"});
  expect_layer_refused({}, {"array model.layers.0.block_sparse_moe.", "missing"});
}

TEST(BadTensors, NonFiniteIsLetThroughOnRequest) {
  std::vector<Tensor> tensors = mixtral_tensors();
  tensors.back().bytes.replace(0, 4, std::string("\0\0\xc0\x7f", 4));
  const Folder folder;
  write_model(folder, with_f(kMixtral, 2), tensors);
  const SparseLayer layer = Model(folder.path()).load_layer(1, NonFinite::allow);
  EXPECT_TRUE(std::isnan(layer.experts.ffn[2].down(0, 0)));
}

TEST(BadTensors, AConfigThatAsksForMoreThanTheFileHasIsRefusedAtOnce) {
  const Folder folder;
  write_model(
      folder,
      with_f(changed(kMixtral, R"("num_local_experts":3)", R"("num_local_experts":2000000000)"), 2),
      mixtral_tensors());
  expect_error([&] { Model(folder.path()).load_layer(1); },
               {"gate.weight", "[2000000000, 5]", "[3, 5]"});
}

// ------------------------------------------------------------------------------------------------
// mxfp4

TEST(Mxfp4, PublishedGptOssBlocksAreDecodedInPlace) {
  constexpr float kCodes[16] = {0,     0.5F,  1,  1.5F,  2,  3,  4,  6,
                                -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};
  constexpr Index kD = 64;
  constexpr Index kF = 32;
  const auto code = [](Index i) { return static_cast<unsigned>((i * 7 + i / 13) % 16); };
  const auto scale = [](Index i) { return static_cast<unsigned>(120 + i % 11); };
  const auto tensor_pair = [&](const std::string& name, const Shape& shape,
                               std::vector<Tensor>& tensors) {
    const auto values = static_cast<Index>(*byte_count(DType::u8, shape));
    std::string blocks;
    std::string scales;
    for (Index i = 0; i < values; i += 2) blocks += static_cast<char>(code(i) | code(i + 1) << 4);
    for (Index i = 0; i < values / 32; ++i) scales += static_cast<char>(scale(i));
    tensors.push_back({name + "_blocks", "U8", {shape[0], shape[1], shape[2] / 32, 16}, blocks});
    tensors.push_back({name + "_scales", "U8", {shape[0], shape[1], shape[2] / 32}, scales});
  };
  const auto value = [&](Index i) {
    return kCodes[code(i)] * std::ldexp(1.0F, static_cast<int>(scale(i / 32)) - 127);
  };

  const std::string p = "model.layers.0.mlp.";
  std::vector<Tensor> tensors = {
      f32_tensor(p + "router.weight", {2, kD}, std::vector<float>(2 * kD, 1)),
      f32_tensor(p + "router.bias", {2}, {1, 2}),
      f32_tensor(p + "experts.gate_up_proj_bias", {2, 2 * kF}, std::vector<float>(4 * kF, 1)),
      f32_tensor(p + "experts.down_proj_bias", {2, kD}, std::vector<float>(2 * kD, 1))};
  tensor_pair(p + "experts.gate_up_proj", {2, 2 * kF, kD}, tensors);
  tensor_pair(p + "experts.down_proj", {2, kD, kF}, tensors);
  const std::string config =
      R"({"model_type":"gpt_oss","hidden_size":64,"intermediate_size":32,"num_local_experts":2,
          "num_experts_per_tok":1,"num_hidden_layers":1,"quantization_config":{"quant_method":"mxfp4"}})";
  const Folder folder;
  write_model(folder, config, tensors);
  const Model model(folder.path());
  EXPECT_EQ(model.info().storage, "mxfp4");
  const SparseLayer layer = model.load_layer(0);
  for (Index e = 0; e < 2; ++e) {
    const Ffn& ffn = layer.experts.ffn[std::size_t(e)];
    for (Index f = 0; f < kF; ++f)
      for (Index d = 0; d < kD; ++d) {
        ASSERT_EQ(ffn.gate(f, d), value((e * 2 * kF + 2 * f) * kD + d));
        ASSERT_EQ(ffn.up(f, d), value((e * 2 * kF + 2 * f + 1) * kD + d));
        ASSERT_EQ(ffn.down(d, f), value((e * kD + d) * kF + f));
      }
  }
  tensors[4].shape[3] = 8;
  tensors[4].bytes.resize(tensors[4].bytes.size() / 2);
  write_model(folder, config, tensors);
  expect_error([&] { Model(folder.path()).load_layer(0); },
               {"gate_up_proj_blocks", "[2, 64, 2, 16]", "[2, 64, 2, 8]"});
}

}  // namespace
}  // namespace moe::io
