// DeepSeek, and what follows it.  source: transformers, modeling_deepseek_v2,
// _v3, glm4_moe, longcat_flash; DeepSeek-V3, README_WEIGHTS
#include <fmt/format.h>

#include <array>

#include "reference/accounting/families.h"

namespace moe::accounting {
namespace {

Mixture read_deepseek_mixture(Settings& s) {
  Mixture moe = read_mixture(s, {"moe_intermediate_size"});
  const Index shared = s.find_whole({"n_shared_experts"}, 0, 1024).value_or(0);
  moe.shared_hidden = shared * moe.hidden;
  moe.groups = s.find_whole({"n_group"}, 1, moe.experts).value_or(1);
  moe.chosen_groups = s.find_whole({"topk_group"}, 1, moe.groups)
                          .value_or(moe.groups);
  if (moe.experts % moe.groups != 0)
    s.refuse("n_group", fmt::format("a divisor of {} experts", moe.experts));
  return moe;
}

// Layers i >= first_k_dense_replace with i % moe_layer_freq == 0 have experts,
// or those that mlp_layer_types calls sparse; where both are said they agree.
std::vector<bool> read_sparse(Settings& s, Index L) {
  const auto types = s.texts({"mlp_layer_types"});
  const auto said = s.find_whole({"first_k_dense_replace"}, 0, L);
  if (!types && !said) s.assume("first_k_dense_replace: 0");
  const Index step = s.find_whole({"moe_layer_freq"}, 1, kMostLayers)
                         .value_or(1);
  if (types && static_cast<Index>(types->size()) != L)
    s.refuse("mlp_layer_types",
             fmt::format("{} words, as num_hidden_layers says", L));
  std::vector<bool> sparse;
  for (Index i = 0; i < L; i++) {
    const bool by_rule = i >= said.value_or(0) && i % step == 0;
    const std::string type =
        types ? types->at(static_cast<std::size_t>(i)) : "";
    if (types && type != "sparse" && type != "dense")
      s.refuse("mlp_layer_types", "sparse or dense for each layer");
    sparse.push_back(types ? type == "sparse" : by_rule);
    if (types && said && sparse.back() != by_rule)
      s.refuse("mlp_layer_types", "what first_k_dense_replace says");
  }
  return sparse;
}

void add_layers(Settings& s, Model& m, const Mixer& mixer,
                const Mixture& moe) {
  const Index L = read_layer_count(s);
  const DenseFfn ffn{.hidden = s.whole({"intermediate_size"})};
  for (const bool sparse : read_sparse(s, L)) {
    Layer layer{.mixers = {mixer}};
    if (sparse)
      layer.mixture = moe;
    else
      layer.dense = {ffn};
    m.layers.push_back(layer);
  }
}

// One more layer behind the last; embedding and head once more on disk.
void read_mtp(Settings& s, Model& m, const Mixer& mixer, const Mixture& moe) {
  m.mtp.modules = s.whole_or(0, {"num_nextn_predict_layers"}, 0, 1024);
  m.mtp.layers = {{.mixers = {mixer}, .mixture = moe}};
  m.mtp.stored_tables = true;
}

// Whether experts are chosen with a correction bias.
bool read_correction(Settings& s, const char* if_absent) {
  const std::string method = s.text({"topk_method"}).value_or(if_absent);
  if (method != "noaux_tc" && method != "greedy" &&
      method != "group_limited_greedy")
    s.refuse("topk_method", "noaux_tc, greedy or group_limited_greedy");
  return method == "noaux_tc";
}

void deepseek_moe(Settings& s, Model& m) {
  read_trunk(s, m, false);
  add_layers(s, m, read_attention(s, m, "attention_bias"),
             read_deepseek_mixture(s));
}

void deepseek_v2(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixture moe = read_deepseek_mixture(s);
  moe.correction_bias = read_correction(s, "greedy");
  add_layers(s, m, read_latent(s), moe);
}

// DeepSeek-V3 and V3.2, Kimi K2, GLM-5.
void deepseek_v3(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixture moe = read_deepseek_mixture(s);
  moe.correction_bias = read_correction(s, "noaux_tc");
  const Mixer a = read_latent(s);
  add_layers(s, m, a, moe);
  read_mtp(s, m, a, moe);
}

// GLM-4.5: grouped heads, biases of q, k and v only.
void glm4_moe(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixture moe = read_deepseek_mixture(s);
  moe.correction_bias = true;
  Mixer a = read_attention(s, m, "attention_bias");
  a.output_bias = false;
  if (s.flag_or(false, {"use_qk_norm"})) a.norm = HeadNorm::per_head;
  add_layers(s, m, a, moe);
  read_mtp(s, m, a, moe);
}

// Two attentions and two dense networks a layer, experts that compute
// nothing among the others.
void longcat(Settings& s, Model& m) {
  read_trunk(s, m, false);
  Mixture moe;
  moe.experts = s.whole({"n_routed_experts"}, 1, Index{1} << 31);
  moe.zero_experts = s.whole_or(0, {"zero_expert_num"}, 0, Index{1} << 31);
  moe.chosen = s.whole({"moe_topk", "num_experts_per_tok"}, 1,
                       moe.experts + moe.zero_experts);
  moe.hidden = s.whole({"expert_ffn_hidden_size", "moe_intermediate_size"});
  moe.correction_bias = true;
  moe.router_bias = s.find_flag({"router_bias"}).value_or(false);
  const Mixer a = read_latent(s);
  const DenseFfn ffn{.hidden = s.whole({"ffn_hidden_size",
                                        "intermediate_size"})};
  const Index L = s.whole({"num_layers"}, 1, kMostLayers);
  const auto twice = s.find_whole({"num_hidden_layers"}, 1, 2 * kMostLayers);
  if (twice && *twice != L && *twice != 2 * L)
    s.refuse("num_hidden_layers",
             fmt::format("num_layers, {}, or twice it", L));
  m.layers.assign(
      static_cast<std::size_t>(L),
      {.mixers = {a, a}, .dense = {ffn, ffn}, .mixture = moe, .norms = 4});
  note_unknown_mtp(s, m);
}

constexpr std::array kFamilies{
    Family{"deepseek", deepseek_moe},   Family{"deepseek_v2", deepseek_v2},
    Family{"deepseek_v3", deepseek_v3}, Family{"deepseek_v32", deepseek_v3},
    Family{"kimi_k2", deepseek_v3},     Family{"glm_moe_dsa", deepseek_v3},
    Family{"glm4_moe", glm4_moe},       Family{"longcat_flash", longcat}};

}  // namespace

std::span<const Family> deepseek_families() { return kFamilies; }

}  // namespace moe::accounting
