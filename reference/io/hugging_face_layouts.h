// Every way in which a family stores its block: names, axes, layouts. For
// hugging_face_names.cpp only.
//
// source: the checkpoints and classes of Hugging Face transformers; gpt-oss in
// MXFP4 as openai/gpt-oss publishes it.
#pragma once
#include "reference/io/hugging_face_names.h"

// A table, not an interface: the site leaves it out.
/// \cond
namespace moe::io::layouts {

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
// Not gated, perhaps in a latent space.
constexpr Name kUpDown[] = {
    {Part::up, "experts.{e}.up_proj.weight", "F L"},
    {Part::down, "experts.{e}.down_proj.weight", "L F"}};
constexpr Name kFusedUpDown[] = {{Part::up, "experts.up_proj", "E F L"},
                                 {Part::down, "experts.down_proj", "E L F"}};
constexpr Name kLatent[] = {
    {Part::latent_down, "fc1_latent_proj.weight", "L D"},
    {Part::latent_up, "fc2_latent_proj.weight", "D L"}};

// --------------------------------------------------------- shared experts
constexpr Name kShared[] = {
    {Part::shared_gate, "shared_expert.gate_proj.weight", "S D"},
    {Part::shared_up, "shared_expert.up_proj.weight", "S D"},
    {Part::shared_down, "shared_expert.down_proj.weight", "D S"}};
constexpr Name kSharedPlural[] = {
    {Part::shared_gate, "shared_experts.gate_proj.weight", "S D"},
    {Part::shared_up, "shared_experts.up_proj.weight", "S D"},
    {Part::shared_down, "shared_experts.down_proj.weight", "D S"}};
constexpr Name kSharedUpDown[] = {
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
constexpr Layout kNemotron[] = {
    {"mixer.", {kGateWithCorrection, kUpDown, kSharedUpDown, kLatent}},
    {"mixer.", {kGateWithCorrection, kFusedUpDown, kSharedUpDown, kLatent}}};
constexpr Layout kGptOssBoth[] = {
    {"mlp.", {kRouterWithBias, kGptOss, kGptOssBiases}},
    {"mlp.", {kRouterWithBias, kGptOssMxfp4, kGptOssBiases}}};
constexpr Layout kGraniteBoth[] = {
    {"block_sparse_moe.", {kRouterLayer, kGranite}},
    {"block_sparse_moe.", {kRouter, kFused}}};
constexpr Layout kDbrxLayout[] = {{"ffn.", {kRouterLayer, kDbrx}}};
constexpr Layout kLlama4[] = {
    {"feed_forward.", {kRouter, kFusedColumns, kShared}}};

}  // namespace moe::io::layouts
/// \endcond
