// Which family stores its block in which layouts, and which keys of
// config.json it has.
#include "reference/io/hugging_face_names.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/io/hugging_face_layouts.h"

namespace moe::io {
namespace {

using namespace layouts;

// --------------------------------------------------------------- families
constexpr std::string_view kLayers[] = {"model.layers.{L}.",
                                        "language_model.model.layers.{L}.",
                                        "model.language_model.layers.{L}."};
constexpr std::string_view kBlocks[] = {"transformer.blocks.{L}."};
constexpr std::string_view kBackbone[] = {"backbone.layers.{L}.",
                                          "model.layers.{L}."};
constexpr std::string_view kF = "intermediate_size";
constexpr std::string_view kMoeF = "moe_intermediate_size";
constexpr std::string_view kLongCatF = "expert_ffn_hidden_size";
constexpr std::string_view kDbrxF = "ffn_config.ffn_hidden_size";

constexpr auto kNone = SharedWidth::none;
constexpr auto kAsF = SharedWidth::as_routed;
constexpr auto kTimes = SharedWidth::times_n_shared_experts;
constexpr auto kOwn = SharedWidth::shared_expert_intermediate_size;
constexpr auto kTimesOne = SharedWidth::times_num_shared_expert;
constexpr auto kMoeOwn = SharedWidth::moe_shared_expert_intermediate_size;
constexpr auto kNoKey = NormTopK::not_a_key;
constexpr auto kFalse = NormTopK::default_false;
constexpr auto kTrue = NormTopK::default_true;
constexpr auto kPlain = RouterKeys::plain;
constexpr auto kDeep = RouterKeys::deepseek;
constexpr auto kMini = RouterKeys::minimax;
constexpr auto kErnieKeys = RouterKeys::ernie;
constexpr auto kLong = RouterKeys::longcat;
constexpr auto kHun = RouterKeys::hunyuan;
constexpr auto kNemo = RouterKeys::nemotron;

// hunyuan is what Hunyuan-A13B's own class is called, hunyuan_v1_moe that of
// transformers. glm4_5_air is DeepSeek-V3's router with one group and the
// scale 1, which is what the classes of glm4_moe and dots1 take where
// config.json is silent.
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
    {"hunyuan", "hunyuan", kMoeF, kTimesOne, kNoKey, kHun, kLayers, kHunyuan},
    {"nemotron_h", "nemotron3_nano", kMoeF, kMoeOwn, kTrue, kNemo, kBackbone,
     kNemotron, LayerKeys::nemotron},
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
