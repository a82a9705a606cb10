// Encoder and decoder.  source: transformers, modeling_switch_transformers.py,
// modeling_nllb_moe.py; flaxformer, st_moe_base.gin
#include <fmt/format.h>

#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

struct Stack {
  Index layers;
  Index step;    // 0: no layer has experts
  bool encoder;
};

// T5-style: i % step == 1; step 1: all.  NLLB: (i + 1) % step == 0.
bool has_experts(const Stack& stack, Index i, bool nllb) {
  if (stack.step == 0) return false;
  if (stack.step == 1) return true;
  return nllb ? (i + 1) % stack.step == 0 : i % stack.step == 1;
}

// The step the config says, or the one that its number of layers implies.
Index read_step(Settings& s, const char* step, const char* sparse, Index L) {
  const auto said = s.find_whole({step}, 0, kMostLayers);
  const auto count = s.find_whole({sparse}, 0, kMostLayers);
  if (said) return *said;
  if (!count) s.refuse(step, "a whole number");
  const Index implied = *count == 0 ? 0 : L / *count;
  s.assume(fmt::format("{}: {}", step, implied));
  return implied;
}

void doubt_count(Settings& s, Model& m, const char* sparse,
                 const char* step, bool encoder) {
  Index count = 0;
  for (const Layer& layer : m.layers)
    if (layer.encoder == encoder && layer.mixture) count++;
  const auto said = s.find_whole({sparse}, 0, kMostLayers);
  if (said && *said != count)
    m.doubts.push_back(
        fmt::format("{} is {}, but {} makes it {} layers with experts", sparse,
                    *said, step, count));
}

Mixer read_t5_attention(Settings& s) {
  Mixer a;
  a.heads = s.whole({"num_heads"}, 1, Index{1} << 20);
  a.kv_heads = a.heads;
  a.key_width = a.value_width = s.whole({"d_kv"});
  return a;
}

void add_stack(Model& m, const Stack& stack, const Mixer& self,
               const DenseFfn& ffn, const Mixture& moe, bool nllb) {
  for (Index i = 0; i < stack.layers; i++) {
    Layer layer{.mixers = {self}, .norms = stack.encoder ? 2 : 3,
                .encoder = stack.encoder};
    if (!stack.encoder) {
      layer.mixers.push_back(self);
      layer.mixers.back().cross = true;
    }
    if (has_experts(stack, i, nllb))
      layer.mixture = moe;
    else
      layer.dense = {ffn};
    m.layers.push_back(layer);
  }
}

bool read_gated(Settings& s) {
  const auto projection = s.text({"feed_forward_proj"});
  const auto flag = s.find_flag({"is_gated_act"});
  const bool gated = projection && projection->starts_with("gated-");
  const std::string function =
      projection ? projection->substr(gated ? 6 : 0) : "relu";
  if (function != "relu" && function != "gelu" && function != "silu" &&
      function != "gelu_new")
    s.refuse("feed_forward_proj", "relu, gelu, gelu_new, silu or gated-gelu");
  if (projection && flag && *flag != gated)
    s.refuse("is_gated_act",
             fmt::format("{} as feed_forward_proj says", gated));
  return flag.value_or(gated);
}

void t5(Settings& s, Model& m) {
  read_trunk(s, m, true);
  m.final_norms = 2;
  Mixture moe;
  moe.experts = s.whole({"num_experts"}, 1, Index{1} << 31);
  moe.chosen = s.whole_or(1, {"num_selected_experts"}, 1, moe.experts);
  moe.hidden = s.whole({"d_ff"});
  moe.gated = read_gated(s);
  moe.router_bias = s.flag_or(false, {"router_bias"});
  const DenseFfn ffn{.hidden = moe.hidden, .gated = moe.gated};
  const Mixer a = read_t5_attention(s);
  const Index L = s.whole({"num_layers"}, 1, kMostLayers);
  const Index decoder = s.whole_or(L, {"num_decoder_layers"}, 1, kMostLayers);
  const char* counts[] = {"num_sparse_encoder_layers",
                          "num_sparse_decoder_layers"};
  const char* steps[] = {"encoder_sparse_step", "decoder_sparse_step"};
  add_stack(m, {L, read_step(s, steps[0], counts[0], L), true}, a, ffn, moe,
            false);
  add_stack(m, {decoder, read_step(s, steps[1], counts[1], decoder), false}, a,
            ffn, moe, false);
  doubt_count(s, m, counts[0], steps[0], true);
  doubt_count(s, m, counts[1], steps[1], false);
  m.position_buckets = s.whole_or(32, {"relative_attention_num_buckets"});
  m.position_heads = 2 * a.heads;
  if (!s.find_flag({"extra_mlp_in_sparse_layers"}).value_or(false)) return;
  for (Layer& layer : m.layers) {  // ST-MoE: a dense network besides
    if (!layer.mixture) continue;
    layer.dense = {ffn};
    layer.norms++;
  }
}

void nllb(Settings& s, Model& m) {
  read_trunk(s, m, true);
  m.norm_parts = 2;
  m.final_norms = 2;
  Mixture moe;
  moe.experts = s.whole({"num_experts"}, 1, Index{1} << 31);
  moe.chosen = s.whole_or(2, {"num_experts_per_tok"}, 1, moe.experts);
  moe.gated = false;
  moe.biases = true;
  moe.router_bias = s.flag_or(false, {"router_bias"});
  s.find_whole({"num_hidden_layers"}, 0);  // the encoder's, again
  for (const bool encoder : {true, false}) {
    const std::string side = encoder ? "encoder" : "decoder";
    Mixer a;
    a.heads = s.whole({side + "_attention_heads"}, 1, Index{1} << 20);
    if (m.width % a.heads != 0)
      s.refuse(side + "_attention_heads",
               fmt::format("a divisor of d_model {}", m.width));
    a.kv_heads = a.heads;
    a.key_width = a.value_width = m.width / a.heads;
    a.qkv_bias = a.output_bias = true;
    moe.hidden = s.whole({side + "_ffn_dim"});
    const Index L = s.whole({side + "_layers"}, 1, kMostLayers);
    const Index step = s.whole({side + "_sparse_step"}, 0, kMostLayers);
    add_stack(m, {L, step, encoder}, a,
              {.hidden = moe.hidden, .gated = false, .biases = true}, moe,
              true);
  }
}

constexpr std::array kFamilies{Family{"switch_transformers", t5},
                               Family{"st_moe", t5}, Family{"nllb-moe", nllb}};

}  // namespace

std::span<const Family> two_stack_families() { return kFamilies; }

}  // namespace moe::accounting
