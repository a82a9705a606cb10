// The layer of a case, whichever variant it is.
#include <algorithm>

#include "check/case_values.h"
#include "reference/presets.h"

namespace moe::check {
namespace {

// Another stream of numbers for a second router of the same case.
constexpr std::uint64_t kOuterSeed = 0x9e3779b97f4a7c15u;

// The threshold of the case's rule for later slots.
float later_threshold(const Case& c) {
  const RouterConfig& row = preset(c.preset).router;
  if (c.threshold) return *c.threshold;
  if (c.later == LaterSlots::all || c.later == row.later) return row.later_threshold;
  return c.later == LaterSlots::random ? 0.5F : 0.25F;
}

// How many of the case's experts compute nothing: the preset's share.
Index identities(const Case& c) {
  const Preset& row = preset(c.preset);
  return row.variant == c.variant ? c.E * row.identities / row.published.experts : 0;
}

Experts make_experts(const Case& c, const CaseValues& values) {
  Experts experts{values.activation(), {}, identities(c)};
  for (Index e = 0; e < c.E - experts.identities; e++)
    experts.ffn.push_back(values.network(static_cast<std::uint32_t>(e), c.F, values.activation(),
                                         preset(c.preset).expert_biases));
  return experts;
}

std::optional<Shared> make_shared(const Case& c, const CaseValues& values) {
  const Preset& row = preset(c.preset);
  if (row.shared == SharedKind::none) return {};
  Shared shared{values.activation(), {}, {}};
  shared.ffn = values.network(kSharedExpert, c.shared == 0 ? c.F : c.shared, shared.activation,
                              row.expert_biases);
  if (row.shared == SharedKind::sigmoid_gated) shared.gate = values.shared_gate();
  if (row.shared == SharedKind::blended) {
    shared.gate = values.shared_gate();
    shared.join = SharedJoin::blended;
  }
  if (row.shared == SharedKind::weighed) {
    shared.gate = values.shared_gate(2);
    shared.join = SharedJoin::weighed;
    if (row.expert_biases) shared.gate_bias = values.shared_gate(2).leftCols(1);
  }
  return shared;
}

// The preset's limit on places, or the case's.
std::optional<Capacity> make_capacity(const Case& c) {
  std::optional<Capacity> capacity = preset(c.preset).capacity;
  if (c.C >= 0) {
    if (!capacity) capacity.emplace();
    capacity->rule = CapacityRule::fixed;
    capacity->places = c.C;
  }
  if (capacity && c.priority) capacity->priority = *c.priority;
  if (capacity) capacity->group = c.batch;
  return capacity;
}

Router make_router(const Case& c, const CaseValues& values) {
  const Preset& row = preset(c.preset);
  Router router;
  router.config = row.router;
  router.config.chosen = c.K;
  router.config.groups = group_limit(c);
  if (c.later != LaterSlots::all) router.config.later = c.later;
  router.config.later_threshold = later_threshold(c);
  if (row.router.choice == Choice::table) router.table = values.table();
  if (row.unscored) {
    router.weight.resize(0, c.D);
    router.unscored = c.E;
    router.config.later = LaterSlots::all;
    return router;
  }
  router.weight = values.router();
  if (row.input_norm) router.input_gain = values.input_gain();
  if (row.expert_scale) router.expert_scale = values.expert_scale();
  if (row.router.noise_kind == Noise::learned_gaussian) router.noise_weight = values.noise_weight();
  if (row.router_bias) router.bias = values.router_bias();
  if (row.router.key == SelectionKey::score_plus_bias)
    router.selection_bias = values.selection_bias();
  return router;
}

// The same router as the other variants can use it, which rank scores and draw nothing.
Router make_plain_router(const Case& c, const CaseValues& values) {
  Router router = make_router(c, values);
  RouterConfig& config = router.config;
  config.choice = Choice::top_k;
  if (config.noise_kind == Noise::layer_jitter) config.noise_kind = Noise::input_jitter;
  if (config.raw_weight == RawWeight::one) config.raw_weight = RawWeight::score;
  if (router.unscored != 0) router.weight = values.router();
  router.unscored = 0;
  router.table.resize(0, 0);
  return router;
}

DenseLayer make_dense(const Case& c, const CaseValues& values) {
  Router gate = make_plain_router(c, values);
  gate.config.noise_kind = Noise::none;
  gate.noise_weight.resize(0, 0);
  gate.input_gain.resize(0);
  gate.expert_scale.resize(0);
  return {gate, make_experts(c, values), make_shared(c, values)};
}

ExpertChoiceLayer make_expert_choice(const Case& c, const CaseValues& values) {
  ExpertChoiceLayer layer;
  layer.router = values.router();
  if (preset(c.preset).router_bias) layer.bias = values.router_bias();
  layer.group = c.batch;
  layer.most_experts = c.cap;
  const Index tokens = c.batch == 0 ? c.T : c.batch;
  layer.places = c.C >= 0 ? c.C : std::max(Index{1}, tokens * c.K / c.E);  // factor K on average
  layer.experts = make_experts(c, values);
  layer.shared = make_shared(c, values);
  return layer;
}

SoftLayer make_soft(const Case& c, const CaseValues& values) {
  SoftLayer layer;
  Case slots = c;
  slots.E = c.E * c.S;
  slots.K = 1;
  slots.groups = 1;
  layer.phi = CaseValues(slots).router();
  layer.slots = c.S;
  layer.group = c.batch;
  layer.normalisation = preset(c.preset).soft;
  if (layer.normalisation == SoftNormalisation::rms) {
    layer.token_gamma = values.shared_gate().row(0).transpose();
    layer.slot_gamma = values.shared_gate().row(0).transpose();
  }
  layer.experts = make_experts(c, values);
  return layer;
}

HierarchicalLayer make_hierarchical(const Case& c, const CaseValues& values) {
  Index E2 = c.inner;
  if (E2 == 0)
    for (Index n = 1; n * n <= c.E; n++)
      if (c.E % n == 0) E2 = n;
  const Index E1 = c.E / E2;
  Case outer = c;
  outer.E = E1;
  outer.K = std::min(c.K, E1);
  outer.groups = outer.kept = outer.inner = 0;
  outer.seed = c.seed ^ kOuterSeed;
  HierarchicalLayer layer;
  layer.outer = make_plain_router(outer, CaseValues(outer));
  const Router all = make_plain_router(c, values);
  for (Index i = 0; i < E1; i++) {
    Router router{layer.outer.config, all.weight.middleRows(i * E2, E2), {}, {}};
    router.config.chosen = std::min(c.K, E2);
    router.config.groups = {};
    if (all.bias.size() != 0) router.bias = all.bias.segment(i * E2, E2);
    if (all.selection_bias.size() != 0)
      router.selection_bias = all.selection_bias.segment(i * E2, E2);
    router.input_gain = all.input_gain;
    if (all.expert_scale.size() != 0) router.expert_scale = all.expert_scale.segment(i * E2, E2);
    if (all.noise_weight.size() != 0) router.noise_weight = all.noise_weight.middleRows(i * E2, E2);
    layer.inner.push_back(std::move(router));
  }
  layer.outer_capacity = layer.inner_capacity = make_capacity(c);
  layer.second_group = preset(c.preset).second_group;
  layer.experts = make_experts(c, values);
  return layer;
}

}  // namespace

SparseLayer make_sparse_layer(const Case& c) {
  const CaseValues values(c);
  SparseLayer layer;
  layer.router = make_router(c, values);
  layer.capacity = make_capacity(c);
  layer.shared = make_shared(c, values);
  const Preset& row = preset(c.preset);
  layer.residual = row.residual;
  Case narrow = c;
  if (row.latent != 0) {  // the preset's share of D
    narrow.D = std::max(Index{1}, c.D * row.latent / row.published.width);
    layer.latent = values.latent(narrow.D, CaseValues(narrow));
  }
  layer.experts = make_experts(narrow, CaseValues(narrow));
  return layer;
}

Layer make_layer(const Case& c) {
  const CaseValues values(c);
  if (c.variant == "dense") return make_dense(c, values);
  if (c.variant == "expert_choice") return make_expert_choice(c, values);
  if (c.variant == "soft") return make_soft(c, values);
  if (c.variant == "hierarchical") return make_hierarchical(c, values);
  return make_sparse_layer(c);
}

}  // namespace moe::check
