// The rows of released models that follow DeepSeek: fine-grained experts,
// shared experts, a bias that chooses and does not weigh.
#include <array>

#include "reference/presets.h"

namespace moe {
namespace {

constexpr Activation kSwiGlu{};

// DeepSeek-V3's router where all experts are one group.
constexpr RouterConfig sigmoid_router(Index K, float scale, float epsilon) {
  return {.chosen = K,
          .score = Score::sigmoid,
          .key = SelectionKey::score_plus_bias,
          .normalisation = Normalisation::sum,
          .epsilon = epsilon,
          .scale = scale};
}

// published = {E, D, F, K, shared F}
constexpr std::array kPresets{
    Preset{.name = "deepseek_moe",
           .model = "DeepSeekMoE 16B",
           .router = {.chosen = 6},
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {64, 2048, 1408, 6, 2816},
           .source = "2401.06066 section 3, two shared experts as one"},
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
    Preset{.name = "kimi_k2",
           .model = "Kimi K2",
           .router = sigmoid_router(8, 2.827F, 1e-20F),
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {384, 7168, 2048, 8, 2048},
           .source = "MoonshotAI/Kimi-K2: DeepSeek-V3 without groups"},
    Preset{.name = "glm4_5",
           .model = "GLM-4.5",
           .router = sigmoid_router(8, 2.5F, 1e-20F),
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {160, 5120, 1536, 8, 1536},
           .source = "Hugging Face glm4_moe"},
    Preset{.name = "minimax_m2",
           .model = "MiniMax-M2",
           .router = sigmoid_router(8, 1, 0),
           .activation = kSwiGlu,
           .published = {256, 3072, 1536, 8, 0},
           .source = "Hugging Face minimax_m2: no epsilon"},
    Preset{.name = "nemotron3_nano",
           .model = "Nemotron 3 Nano",
           .router = sigmoid_router(6, 2.5F, 1e-20F),
           .activation = {.function = Nonlinearity::relu_squared,
                          .gated = false},
           .shared = SharedKind::plain,
           .published = {128, 2688, 1856, 6, 3712},
           .source = "NVIDIA Megatron-LM, Nemotron 3 scripts"},
    Preset{.name = "ernie4_5",
           .model = "ERNIE-4.5-21B-A3B",
           .router = {.chosen = 6,
                      .key = SelectionKey::score_plus_bias,
                      .normalisation = Normalisation::max_sum,
                      .epsilon = 1e-12F},
           .activation = kSwiGlu,
           .shared = SharedKind::plain,
           .published = {64, 2560, 1536, 6, 3072},
           .source = "Hugging Face ernie4_5_moe"},
    Preset{.name = "deepseek_v4",
           .model = "DeepSeek-V4, layers after the third",
           .router = {.chosen = 6,
                      .score = Score::sqrt_softplus,
                      .key = SelectionKey::score_plus_bias,
                      .normalisation = Normalisation::sum,
                      .epsilon = 1e-20F,
                      .scale = 1.5F},
           .activation = {.limit = 10.0F},
           .shared = SharedKind::plain,
           .published = {256, 4096, 2048, 6, 2048},
           .source = "MaxText deepseek4-284b.yml"},
};

}  // namespace

std::span<const Preset> deepseek_presets() { return kPresets; }

}  // namespace moe
