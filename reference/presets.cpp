#include "reference/presets.h"

#include <array>
#include <string>

#include "reference/error.h"

namespace moe {
namespace {

constexpr Activation kSwiGlu{};
constexpr Activation kClampedSwiGlu{.function = Nonlinearity::swish,
                                    .limit = 7.0F,
                                    .slope = 1.702F,
                                    .up_offset = 1.0F};

// published = {E, D, F, K, shared F}
constexpr std::array kPresets{
    Preset{.name = "mixtral",
           .model = "Mixtral 8x7B",
           .router = {.chosen = 2, .normalisation = Normalisation::sum},
           .activation = kSwiGlu,
           .published = {8, 4096, 14336, 2, 0},
           .source = "Hugging Face mixtral; mistral-inference takes the "
                     "softmax over the chosen, equal in the reals"},
    Preset{.name = "qwen2_moe",
           .model = "Qwen1.5-MoE-A2.7B",
           .router = {.chosen = 4},
           .activation = kSwiGlu,
           .shared = SharedKind::sigmoid_gated,
           .published = {60, 2048, 1408, 4, 5632},
           .source = "Hugging Face qwen2_moe, norm_topk_prob false"},
    Preset{.name = "qwen3_moe",
           .model = "Qwen3-30B-A3B",
           .router = {.chosen = 8, .normalisation = Normalisation::sum},
           .activation = kSwiGlu,
           .published = {128, 2048, 768, 8, 0},
           .source = "Hugging Face qwen3_moe, norm_topk_prob true"},
    Preset{.name = "olmoe",
           .model = "OLMoE-1B-7B",
           .router = {.chosen = 8},
           .activation = kSwiGlu,
           .published = {64, 2048, 1024, 8, 0},
           .source = "allenai/OLMoE; Hugging Face olmoe"},
    Preset{.name = "deepseek_v2",
           .model = "DeepSeek-V2",
           .router = {.chosen = 6,
                      .groups = {.count = 8, .kept = 3},
                      .scale = 16.0F},
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {160, 5120, 1536, 6, 3072},
           .source = "2405.04434 section 2.2; DeepSeek-V3 inference code"},
    Preset{.name = "deepseek_v3",
           .model = "DeepSeek-V3",
           .router = {.chosen = 8,
                      .score = Score::sigmoid,
                      .key = SelectionKey::score_plus_bias,
                      .groups = {.count = 8,
                                 .kept = 4,
                                 .score = GroupScore::sum_of_top2},
                      .normalisation = Normalisation::sum,
                      .epsilon = 1e-20F,
                      .scale = 2.5F},
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {256, 7168, 2048, 8, 2048},
           .source = "2412.19437 section 2.1.2; epsilon as Hugging Face, "
                     "excluded groups at -infinity as the authors' code"},
    Preset{.name = "gpt_oss",
           .model = "gpt-oss-120b",
           .router = {.chosen = 4,
                      .score = Score::logit,
                      .raw_weight = RawWeight::softmax_of_chosen},
           .router_bias = true,
           .activation = kClampedSwiGlu,
           .expert_biases = true,
           .published = {128, 2880, 2880, 4, 0},
           .source = "openai/gpt-oss torch/model.py"},
    Preset{.name = "granite",
           .model = "Granite-3.0-1B-A400M",
           .router = {.chosen = 8,
                      .score = Score::logit,
                      .raw_weight = RawWeight::softmax_of_chosen},
           .activation = kSwiGlu,
           .published = {32, 1024, 512, 8, 0},
           .source = "Hugging Face granitemoe"},
    Preset{.name = "dbrx",
           .model = "DBRX",
           .router = {.chosen = 4, .normalisation = Normalisation::sum},
           .activation = kSwiGlu,
           .published = {16, 6144, 10752, 4, 0},
           .source = "databricks/dbrx, L1 norm of the weights"},
    Preset{.name = "llama4",
           .model = "Llama 4 Scout",
           .router = {.chosen = 1,
                      .score = Score::logit,
                      .raw_weight = RawWeight::sigmoid_of_chosen,
                      .weight_on = WeightOn::input},
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {16, 5120, 8192, 1, 8192},
           .source = "meta-llama/llama-models llama4/moe.py"},
    Preset{.name = "phimoe",
           .model = "Phi-3.5-MoE",
           .router = {.chosen = 2,
                      .score = Score::logit,
                      .raw_weight = RawWeight::near_tie_softmax},
           .activation = kSwiGlu,
           .published = {16, 4096, 6400, 2, 0},
           .source = "2409.12136, evaluation; Hugging Face phimoe"},
};

}  // namespace

std::span<const Preset> presets() { return kPresets; }

const Preset& preset(std::string_view name) {
  std::string known;
  for (const Preset& row : kPresets) {
    if (row.name == name) return row;
    known.append(" ").append(row.name);
  }
  throw Error("unknown preset '" + std::string(name) + "', expected one of" +
              known);
}

}  // namespace moe
