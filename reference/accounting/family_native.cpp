// Models known from papers and their own programs, in key names of their own.
// source: snowflake-arctic; grok-1, run.py and model.py; GLaM (2112.06905)
#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

// A dense network of width D beside the experts, with a norm of its own.
void arctic(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const Mixer a = read_attention(s, m, "");
  const Mixture moe = read_mixture(s, {"intermediate_size"});
  const Index step = s.whole_or(1, {"moe_layer_frequency"}, 1, kMostLayers);
  const bool residual = s.flag_or(true, {"use_residual"}) &&
                        s.flag_or(true, {"parallel_attn_mlp_res"});
  const Index L = read_layer_count(s);
  for (Index i = 0; i < L; i++) {
    Layer layer{.mixers = {a}};
    if ((i + 1) % step == 0) {
      layer.mixture = moe;
      if (residual) layer.dense = {{.hidden = m.width}};
      layer.norms = residual ? 3 : 2;
    } else {
      layer.dense = {{.hidden = moe.hidden}};
    }
    m.layers.push_back(layer);
  }
}

// f = widening D 2/3, up to a multiple of 8; norms before and after.
void grok1(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const Index wide = s.whole({"widening_factor"}, 1, 1024);
  Mixture moe;
  moe.experts = s.whole({"num_experts"}, 1, Index{1} << 31);
  moe.chosen = s.whole({"num_selected_experts"}, 1, moe.experts);
  moe.hidden = ceil_div(times({wide, m.width}) * 2 / 3, 8) * 8;
  m.layers.assign(
      static_cast<std::size_t>(read_layer_count(s)),
      {.mixers = {read_attention(s, m, "")}, .mixture = moe, .norms = 4});
}

// Experts in every second layer.
void glam(Settings& s, Model& m) {
  read_trunk(s, m, false);
  const Mixer a = read_attention(s, m, "");
  Mixture moe = read_mixture(s, {"intermediate_size"});
  moe.gated = s.flag_or(false, {"expert_ffn_gated"});
  const DenseFfn ffn{.hidden = moe.hidden,
                     .gated = s.flag_or(true, {"dense_ffn_gated"})};
  const Index period = s.whole_or(2, {"moe_layer_period"}, 1, kMostLayers);
  const Index L = read_layer_count(s);
  for (Index i = 0; i < L; i++) {
    Layer layer{.mixers = {a}};
    if ((i + 1) % period == 0)
      layer.mixture = moe;
    else
      layer.dense = {ffn};
    m.layers.push_back(layer);
  }
}

constexpr std::array kFamilies{Family{"arctic", arctic},
                               Family{"grok-1", grok1},
                               Family{"glam", glam}};

}  // namespace

std::span<const Family> native_families() { return kFamilies; }

}  // namespace moe::accounting
