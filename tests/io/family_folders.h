// Synthetic Hugging Face folders of every family: configurations, and tensors that say what they are.
//
// Every tensor holds distinct whole numbers; the loops that lay them out here follow the families'
// definitions and share nothing with the table that is under test.
#pragma once
#include <string>
#include <vector>

#include "reference/io/hugging_face.h"
#include "tests/io/support.h"

namespace moe::io {


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
inline float number(Role role, Index e, Index row, Index column) {
  return static_cast<float>(1'000'000 * (role + 1) + 10'000 * e + 100 * row + column);
}

inline std::vector<float> table(Role role, Index e, Index rows, Index columns) {
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

inline void expect_matrix(const Matrix& m, Role role, Index e, Index rows, Index columns) {
  ASSERT_EQ(m.rows(), rows) << role;
  ASSERT_EQ(m.cols(), columns) << role;
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c)
      ASSERT_EQ(m(r, c), number(role, e, r, c))
          << "role " << role << " expert " << e << " [" << r << "," << c << "]";
}

inline void write_model(const Folder& folder, const std::string& config,
                 const std::vector<Tensor>& tensors) {
  write_bytes(folder.path("config.json"), config);
  write_bytes(folder.path("model.safetensors"), safetensors(tensors));
}

inline std::string with_f(std::string text, Index F) {
  for (std::size_t at = text.find("$F"); at != std::string::npos; at = text.find("$F")) text.replace(at, 2, std::to_string(F));
  return text;
}

inline constexpr const char* kMixtral =
    R"({"model_type":"mixtral","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2})";
inline constexpr const char* kPhi =
    R"({"model_type":"phimoe","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2,"router_jitter_noise":0.25})";
inline constexpr const char* kQwen2 =
    R"({"model_type":"qwen2_moe","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,"num_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":4,"shared_expert_intermediate_size":4,"norm_topk_prob":true,
        "decoder_sparse_step":2,"mlp_only_layers":[3]})";
inline constexpr const char* kQwen3 =
    R"({"model_type":"qwen3_moe","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,"num_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2,"norm_topk_prob":false})";
inline constexpr const char* kOlmoe =
    R"({"model_type":"olmoe","hidden_size":5,"intermediate_size":$F,"num_experts":3,"num_experts_per_tok":2,
        "num_hidden_layers":2,"norm_topk_prob":true})";
inline constexpr const char* kDeepSeek2 =
    R"({"model_type":"deepseek_v2","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":1,"num_hidden_layers":5,"n_shared_experts":2,
        "first_k_dense_replace":1,"moe_layer_freq":2,"n_group":3,"topk_group":1,
        "topk_method":"group_limited_greedy","routed_scaling_factor":16.0,"norm_topk_prob":false,
        "scoring_func":"softmax"})";
inline constexpr const char* kDeepSeek3 =
    R"({"model_type":"deepseek_v3","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":2,"num_hidden_layers":2,"n_shared_experts":null,
        "n_group":1,"topk_group":1,"routed_scaling_factor":2.5,"norm_topk_prob":true})";
inline constexpr const char* kGptOss =
    R"({"model_type":"gpt_oss","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,"num_experts_per_tok":2,
        "num_hidden_layers":2,"swiglu_limit":3.5,"hidden_act":"silu"})";
inline constexpr const char* kGranite =
    R"({"model_type":"granitemoe","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2})";
inline constexpr const char* kDbrx =
    R"({"model_type":"dbrx","d_model":5,"n_layers":2,"ffn_config":{"ffn_hidden_size":$F,"moe_num_experts":3,
        "moe_top_k":2,"moe_normalize_expert_weights":2}})";
inline constexpr const char* kLlama4 =
    R"({"model_type":"llama4","text_config":{"model_type":"llama4_text","hidden_size":5,"intermediate_size":$F,
        "intermediate_size_mlp":77,"num_local_experts":3,"num_experts_per_tok":1,"num_hidden_layers":4,
        "interleave_moe_layer_step":2}})";
inline constexpr const char* kLlama4Text =
    R"({"model_type":"llama4_text","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":1,"num_hidden_layers":4,"moe_layers":[0,2],"interleave_moe_layer_step":2})";
inline constexpr const char* kQwen3Next =
    R"({"model_type":"qwen3_next","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "num_experts":3,"num_experts_per_tok":2,"num_hidden_layers":4,"shared_expert_intermediate_size":4,
        "decoder_sparse_step":1,"mlp_only_layers":[0]})";
inline constexpr const char* kKimi2 =
    R"({"model_type":"kimi_k2","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":2,"num_hidden_layers":3,"n_shared_experts":1,
        "first_k_dense_replace":1,"moe_layer_freq":1,"n_group":1,"topk_group":1,"topk_method":"noaux_tc",
        "scoring_func":"sigmoid","routed_scaling_factor":2.827,"norm_topk_prob":true})";
inline constexpr const char* kGlm4 =
    R"({"model_type":"glm4_moe","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":2,"num_hidden_layers":5,"n_shared_experts":1,
        "first_k_dense_replace":3,"routed_scaling_factor":2.5,"hidden_act":"silu"})";
inline constexpr const char* kDots1 =
    R"({"model_type":"dots1","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":2,"num_hidden_layers":3,"n_shared_experts":2,
        "first_k_dense_replace":1,"scoring_func":"noaux_tc","topk_method":"noaux_tc","norm_topk_prob":true,
        "routed_scaling_factor":2.5})";
inline constexpr const char* kMiniMax =
    R"({"model_type":"minimax","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2})";
inline constexpr const char* kMiniMax01 =
    R"({"model_type":"minimax_text_01","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2,"shared_intermediate_size":0,"shared_moe_mode":"sigmoid"})";
inline constexpr const char* kMiniMax2 =
    R"({"model_type":"minimax_m2","hidden_size":5,"intermediate_size":$F,"num_local_experts":3,
        "num_experts_per_tok":2,"num_hidden_layers":2,"scoring_func":"sigmoid","use_routing_bias":true,
        "shared_intermediate_size":0})";
inline constexpr const char* kErnie =
    R"({"model_type":"ernie4_5_moe","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "moe_num_experts":3,"moe_k":2,"moe_num_shared_experts":2,"num_hidden_layers":7,"moe_layer_interval":2,
        "moe_layer_start_index":2,"moe_layer_end_index":5,"use_bias":false})";
inline constexpr const char* kJamba =
    R"({"model_type":"jamba","hidden_size":5,"intermediate_size":$F,"num_experts":3,"num_experts_per_tok":2,
        "num_hidden_layers":6,"expert_layer_period":3,"expert_layer_offset":2})";
inline constexpr const char* kLongCat =
    R"({"model_type":"longcat_flash","hidden_size":5,"ffn_hidden_size":77,"expert_ffn_hidden_size":$F,
        "n_routed_experts":3,"zero_expert_num":2,"zero_expert_type":"identity","moe_topk":4,"num_layers":3,
        "num_hidden_layers":6,"routed_scaling_factor":3.5})";
inline constexpr const char* kHunyuan =
    R"({"model_type":"hunyuan_v1_moe","hidden_size":5,"intermediate_size":$F,"num_experts":3,"moe_topk":[2,2],
        "num_hidden_layers":2,"norm_topk_prob":true,"moe_drop_tokens":false})";
inline constexpr const char* kHunyuanOwn =
    R"({"model_type":"hunyuan","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":[$F,$F],"num_experts":3,
        "moe_topk":[2,2],"num_shared_expert":[2,2],"use_mixed_mlp_moe":true,"moe_layer_num_skipped":1,
        "num_hidden_layers":2,"norm_topk_prob":true,"moe_drop_tokens":false,"group_limited_greedy":false})";
inline constexpr const char* kNemotron =
    R"({"model_type":"nemotron_h","hidden_size":5,"intermediate_size":77,"moe_intermediate_size":$F,
        "n_routed_experts":3,"num_experts_per_tok":2,"n_shared_experts":1,"moe_shared_expert_intermediate_size":4,
        "n_group":1,"topk_group":1,"routed_scaling_factor":2.5,"norm_topk_prob":true,"mlp_hidden_act":"relu2",
        "mlp_bias":false,"num_hidden_layers":4,"hybrid_override_pattern":"ME*E"})";

// One text in place of another, which must be there.
inline std::string changed(std::string config, const std::string& from, const std::string& to) {
  const std::size_t at = config.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return config.replace(at, from.size(), to);
}

}  // namespace moe::io
