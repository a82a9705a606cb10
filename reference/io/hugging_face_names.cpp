// source: the checkpoints and classes of Hugging Face transformers; gpt-oss in
// MXFP4 as openai/gpt-oss publishes it.
#include "reference/io/hugging_face_names.h"

#include <fmt/format.h>

#include "reference/error.h"

namespace moe::io {
namespace {

using Name = TensorName;

// ---------------------------------------------------------------- routers
constexpr Name kGate[] = {{Part::router, "gate.weight", "E D"}};
constexpr Name kRouter[] = {{Part::router, "router.weight", "E D"}};
constexpr Name kRouterLayer[] = {{Part::router, "router.layer.weight", "E D"}};
constexpr Name kRouterWithBias[] = {{Part::router, "router.weight", "E D"},
                                    {Part::router_bias, "router.bias", "E"}};
constexpr Name kGateWithCorrection[] = {
    {Part::router, "gate.weight", "E D"},
    {Part::selection_bias, "gate.e_score_correction_bias", "E"}};
constexpr Name kGateBesideCorrection[] = {
    {Part::router, "gate.weight", "E D"},
    {Part::selection_bias, "e_score_correction_bias", "E"}};
// ERNIE keeps the bias that chooses among its statistics.
constexpr Name kGateWithStatics[] = {
    {Part::router, "gate.weight", "E D"},
    {Part::selection_bias, "moe_statics.e_score_correction_bias", "1 E"}};
constexpr Name kClassifier[] = {
    {Part::router, "router.classifier.weight", "E D"},
    {Part::selection_bias, "router.e_score_correction_bias", "E"}};
constexpr Name kWg[] = {{Part::router, "gate.wg.weight", "E D"}};

// ---------------------------------------------------------------- experts
constexpr Name kProjections[] = {
    {Part::gate, "experts.{e}.gate_proj.weight", "F D"},
    {Part::up, "experts.{e}.up_proj.weight", "F D"},
    {Part::down, "experts.{e}.down_proj.weight", "D F"}};
constexpr Name kW1W3W2[] = {{Part::gate, "experts.{e}.w1.weight", "F D"},
                            {Part::up, "experts.{e}.w3.weight", "F D"},
                            {Part::down, "experts.{e}.w2.weight", "D F"}};
// In the memory of transformers 5: gate rows, then up rows.
constexpr Name kFused[] = {{Part::gate_up, "experts.gate_up_proj", "E (2 F) D"},
                           {Part::down, "experts.down_proj", "E D F"}};
// Applied as x W, gate columns, then up columns.
constexpr Name kFusedColumns[] = {
    {Part::gate_up, "experts.gate_up_proj", "E D (2 F)"},
    {Part::down, "experts.down_proj", "E F D"}};
constexpr Name kGranite[] = {
    {Part::gate_up, "input_linear.weight", "E (2 F) D"},
    {Part::down, "output_linear.weight", "E D F"}};
constexpr Name kDbrx[] = {{Part::gate, "experts.mlp.w1", "(E F) D"},
                          {Part::up, "experts.mlp.v1", "(E F) D"},
                          {Part::down, "experts.mlp.w2", "(E F) D"}};
constexpr Name kGptOss[] = {
    {Part::gate_up, "experts.gate_up_proj", "E D (F 2)"},
    {Part::down, "experts.down_proj", "E F D"}};
constexpr Name kGptOssMxfp4[] = {
    {Part::gate_up, "experts.gate_up_proj", "E (F 2) D", Coding::mxfp4},
    {Part::down, "experts.down_proj", "E D F", Coding::mxfp4}};
constexpr Name kGptOssBiases[] = {
    {Part::gate_up_bias, "experts.gate_up_proj_bias", "E (F 2)"},
    {Part::down_bias, "experts.down_proj_bias", "E D"}};

// --------------------------------------------------------- shared experts
constexpr Name kShared[] = {
    {Part::shared_gate, "shared_expert.gate_proj.weight", "S D"},
    {Part::shared_up, "shared_expert.up_proj.weight", "S D"},
    {Part::shared_down, "shared_expert.down_proj.weight", "D S"}};
constexpr Name kSharedPlural[] = {
    {Part::shared_gate, "shared_experts.gate_proj.weight", "S D"},
    {Part::shared_up, "shared_experts.up_proj.weight", "S D"},
    {Part::shared_down, "shared_experts.down_proj.weight", "D S"}};
constexpr Name kSharedMlp[] = {
    {Part::shared_gate, "shared_mlp.gate_proj.weight", "S D"},
    {Part::shared_up, "shared_mlp.up_proj.weight", "S D"},
    {Part::shared_down, "shared_mlp.down_proj.weight", "D S"}};
constexpr Name kSharedGate[] = {
    {Part::shared_router, "shared_expert_gate.weight", "1 D"}};

// ---------------------------------------------------------------- layouts
constexpr Layout kMixtral[] = {{"block_sparse_moe.", {kGate, kW1W3W2}},
                               {"mlp.", {kGate, kFused}}};
constexpr Layout kMiniMax2[] = {
    {"block_sparse_moe.", {kGateBesideCorrection, kW1W3W2}},
    {"mlp.", {kGateBesideCorrection, kFused}}};
constexpr Layout kPhi[] = {{"block_sparse_moe.", {kGate, kW1W3W2}},
                           {"mlp.", {kRouter, kFused}}};
constexpr Layout kQwen2[] = {
    {"mlp.", {kGate, kProjections, kShared, kSharedGate}},
    {"mlp.", {kGate, kFused, kShared, kSharedGate}}};
constexpr Layout kQwen3[] = {{"mlp.", {kGate, kProjections}},
                             {"mlp.", {kGate, kFused}}};
constexpr Layout kDeepSeek2[] = {{"mlp.", {kGate, kProjections, kSharedPlural}},
                                 {"mlp.", {kGate, kFused, kSharedPlural}}};
constexpr Layout kDeepSeek3[] = {
    {"mlp.", {kGateWithCorrection, kProjections, kSharedPlural}},
    {"mlp.", {kGateWithCorrection, kFused, kSharedPlural}}};
constexpr Layout kErnie[] = {
    {"mlp.", {kGateWithStatics, kProjections, kSharedPlural}},
    {"mlp.", {kGateWithStatics, kFused, kSharedPlural}}};
constexpr Layout kJamba[] = {{"feed_forward.", {kRouter, kProjections}},
                             {"feed_forward.", {kRouter, kFused}}};
constexpr Layout kLongCat[] = {{"mlp.", {kClassifier, kProjections}}};
constexpr Layout kHunyuan[] = {{"mlp.", {kWg, kProjections, kSharedMlp}},
                               {"mlp.", {kWg, kFused, kSharedMlp}}};
constexpr Layout kGptOssBoth[] = {
    {"mlp.", {kRouterWithBias, kGptOss, kGptOssBiases}},
    {"mlp.", {kRouterWithBias, kGptOssMxfp4, kGptOssBiases}}};
constexpr Layout kGraniteBoth[] = {
    {"block_sparse_moe.", {kRouterLayer, kGranite}},
    {"block_sparse_moe.", {kRouter, kFused}}};
constexpr Layout kDbrxLayout[] = {{"ffn.", {kRouterLayer, kDbrx}}};
constexpr Layout kLlama4[] = {
    {"feed_forward.", {kRouter, kFusedColumns, kShared}}};

// --------------------------------------------------------------- families
constexpr std::string_view kLayers[] = {"model.layers.{L}.",
                                        "language_model.model.layers.{L}.",
                                        "model.language_model.layers.{L}."};
constexpr std::string_view kBlocks[] = {"transformer.blocks.{L}."};
constexpr std::string_view kF = "intermediate_size";
constexpr std::string_view kMoeF = "moe_intermediate_size";
constexpr std::string_view kLongCatF = "expert_ffn_hidden_size";
constexpr std::string_view kDbrxF = "ffn_config.ffn_hidden_size";

constexpr auto kNone = SharedWidth::none;
constexpr auto kAsF = SharedWidth::as_routed;
constexpr auto kTimes = SharedWidth::times_n_shared_experts;
constexpr auto kOwn = SharedWidth::shared_expert_intermediate_size;
constexpr auto kNoKey = NormTopK::not_a_key;
constexpr auto kFalse = NormTopK::default_false;
constexpr auto kTrue = NormTopK::default_true;
constexpr auto kPlain = RouterKeys::plain;
constexpr auto kDeep = RouterKeys::deepseek;
constexpr auto kMini = RouterKeys::minimax;
constexpr auto kErnieKeys = RouterKeys::ernie;
constexpr auto kLong = RouterKeys::longcat;
constexpr auto kHun = RouterKeys::hunyuan;

// glm4_5_air is DeepSeek-V3's router with one group and the scale 1, which is
// what the classes of glm4_moe and dots1 take where config.json is silent.
constexpr Family kFamilies[] = {
    {"mixtral", "mixtral", kF, kNone, kNoKey, kPlain, kLayers, kMixtral},
    {"qwen2_moe", "qwen2_moe", kMoeF, kOwn, kFalse, kPlain, kLayers, kQwen2},
    {"qwen3_moe", "qwen3_moe", kMoeF, kNone, kFalse, kPlain, kLayers, kQwen3},
    {"olmoe", "olmoe", kF, kNone, kFalse, kPlain, kLayers, kQwen3},
    {"deepseek_v2", "deepseek_v2", kMoeF, kTimes, kFalse, kDeep, kLayers,
     kDeepSeek2},
    {"deepseek_v3", "deepseek_v3", kMoeF, kTimes, kTrue, kDeep, kLayers,
     kDeepSeek3},
    {"gpt_oss", "gpt_oss", kF, kNone, kNoKey, kPlain, kLayers, kGptOssBoth},
    {"granitemoe", "granite", kF, kNone, kNoKey, kPlain, kLayers, kGraniteBoth},
    {"dbrx", "dbrx", kDbrxF, kNone, kNoKey, kPlain, kBlocks, kDbrxLayout},
    {"llama4", "llama4", kF, kAsF, kNoKey, kPlain, kLayers, kLlama4},
    {"phimoe", "phimoe", kF, kNone, kNoKey, kPlain, kLayers, kPhi},
    {"qwen3_next", "qwen3_next", kMoeF, kOwn, kTrue, kPlain, kLayers, kQwen2},
    {"kimi_k2", "kimi_k2", kMoeF, kTimes, kTrue, kDeep, kLayers, kDeepSeek3},
    {"glm4_moe", "glm4_5_air", kMoeF, kTimes, kTrue, kDeep, kLayers,
     kDeepSeek3},
    {"dots1", "glm4_5_air", kMoeF, kTimes, kFalse, kDeep, kLayers, kDeepSeek3},
    {"minimax", "minimax_01", kF, kNone, kNoKey, kMini, kLayers, kMixtral},
    {"minimax_text_01", "minimax_01", kF, kNone, kNoKey, kMini, kLayers,
     kMixtral},
    {"minimax_m1", "minimax_01", kF, kNone, kNoKey, kMini, kLayers, kMixtral},
    {"minimax_m2", "minimax_m2", kF, kNone, kNoKey, kMini, kLayers, kMiniMax2},
    {"ernie4_5_moe", "ernie4_5", kMoeF, kTimes, kNoKey, kErnieKeys, kLayers,
     kErnie, LayerKeys::ernie},
    {"jamba", "jamba", kF, kNone, kNoKey, kPlain, kLayers, kJamba,
     LayerKeys::jamba},
    {"longcat_flash", "longcat", kLongCatF, kNone, kNoKey, kLong, kLayers,
     kLongCat},
    {"hunyuan_v1_moe", "hunyuan", kF, kAsF, kNoKey, kHun, kLayers, kHunyuan},
};

}  // namespace

std::span<const Family> families() {
  return kFamilies;
}

const Family& family_of(std::string_view model_type, const std::string& place) {
  std::string_view name = model_type;
  if (name.ends_with("_text")) name.remove_suffix(5);
  std::string known;
  for (const Family& family : families()) {
    if (family.model_type == name) return family;
    known.append(" ").append(family.model_type);
  }
  throw Error(fmt::format("{}: model_type: expected one of{}, found '{}'",
                          place, known, model_type));
}

}  // namespace moe::io
