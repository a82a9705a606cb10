// The rows of layers whose routing draws, looks up or assigns, or that use as
// many slots as a token needs: a second expert by chance or above a threshold,
// token ids, lots, an auction, top-p.
#include <array>

#include "reference/presets.h"

namespace moe {
namespace {

constexpr Activation kRelu{.function = Nonlinearity::relu, .gated = false};
constexpr Activation kGeGlu{.function = Nonlinearity::gelu};

// A router without scores: experts by that choice, weights of 1.
constexpr RouterConfig unscored(Choice choice) {
  return {.chosen = 1, .choice = choice, .raw_weight = RawWeight::one};
}

// published = {E, D, F, K, shared F}
constexpr std::array kPresets{
    Preset{.name = "gshard_random",
           .model = "GShard 600B, random second expert",
           .router = {.chosen = 2,
                      .normalisation = Normalisation::sum,
                      .epsilon = 1e-9F,
                      .later = LaterSlots::random,
                      .later_threshold = 0.5F},
           .activation = kRelu,
           .capacity = Capacity{.rule = CapacityRule::lingvo, .factor = 2},
           .published = {2048, 1024, 8192, 2, 0},
           .source = "2006.16668 algorithm 1: kept where 2 g2 > u"},
    Preset{.name = "mesh_threshold",
           .model = "Mesh top 2, second above a threshold, evaluation",
           .router = {.chosen = 2,
                      .normalisation = Normalisation::sum,
                      .epsilon = 1e-9F,
                      .later = LaterSlots::above_threshold,
                      .later_threshold = 0.2F},
           .activation = kRelu,
           .capacity = Capacity{.rule = CapacityRule::mesh, .factor = 2},
           .published = {16, 512, 2048, 2, 0},
           .source = "tensorflow/mesh transformer/moe.py, second policy "
                     "threshold"},
    Preset{.name = "st_moe",
           .model = "ST-MoE-32B, evaluation",
           .router = {.chosen = 2,
                      .normalisation = Normalisation::max_sum,
                      .epsilon = 1e-9F,
                      .later = LaterSlots::random,
                      .later_threshold = 0.2F},
           .activation = kGeGlu,
           .shared = SharedKind::plain,
           .capacity = Capacity{.rule = CapacityRule::mesh, .factor = 2},
           .published = {64, 5120, 20480, 2, 20480},
           .source = "2202.08906; renormalised and drawn as lucidrains/"
                     "st-moe-pytorch, flaxformer does neither; a dense FFN "
                     "beside it"},
    Preset{.name = "base",
           .model = "BASE layer of 128 experts",
           .router = {.chosen = 1,
                      .score = Score::logit,
                      .choice = Choice::balanced,
                      .raw_weight = RawWeight::sigmoid_of_chosen},
           .activation = kRelu,
           .expert_biases = true,
           .published = {128, 1024, 4096, 1, 0},
           .residual = true,
           .source = "2103.16716; fairseq base_layer.py with one sublayer, "
                     "whose LayerNorm is the caller's"},
    Preset{.name = "hash",
           .model = "Hash layer of 32 buckets",
           .router = unscored(Choice::table),
           .unscored = true,
           .activation = kRelu,
           .expert_biases = true,
           .published = {32, 1024, 4096, 1, 0},
           .source = "2106.04426; ParlAI hash_ladder.py, the table as data"},
    Preset{.name = "thor",
           .model = "THOR of 2 experts",
           .router = unscored(Choice::random),
           .unscored = true,
           .activation = kRelu,
           .expert_biases = true,
           .published = {2, 512, 2048, 1, 0},
           .source = "2110.04260; microsoft/Stochastic-Mixture-of-Experts: "
                     "one lot for a training batch, one for each token later"},
    Preset{.name = "random_baseline",
           .model = "Random routing of MaxText",
           .router = {.chosen = 2,
                      .score = Score::logit,
                      .choice = Choice::random},
           .activation = {},
           .published = {8, 4096, 14336, 2, 0},
           .source = "MaxText random_routing: experts by lot, raw router "
                     "outputs as weights"},
    Preset{.name = "dynamic_moe",
           .model = "Dynamic MoE, D and F unconfirmed",
           .router = {.chosen = 16,
                      .later = LaterSlots::until_mass,
                      .later_threshold = 0.4F},
           .activation = {},
           .published = {16, 1024, 2816, 16, 0},
           .source = "2403.07652; ZhenweiAn/Dynamic_MoE modeling_moe.py: top-p "
                     "of 0.4, not renormalised"},
    Preset{.name = "residual_moe",
           .model = "Residual MoE of DeepSpeed",
           .router = {.chosen = 1},
           .activation = {.function = Nonlinearity::gelu, .gated = false},
           .expert_biases = true,
           .shared = SharedKind::weighed,
           .capacity = Capacity{.rule = CapacityRule::deepspeed},
           .published = {128, 2048, 8192, 1, 8192},
           .source = "2201.05596 section 4.1.1; DeepSpeed moe/layer.py, "
                     "use_residual"},
};

}  // namespace

std::span<const Preset> drawn_presets() { return kPresets; }

}  // namespace moe
