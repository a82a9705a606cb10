#include "reference/io/layer_file.h"

#include "reference/io/layer_inputs.h"
#include "reference/io/layer_meta.h"
#include "reference/io/npz.h"

namespace moe::io {
namespace {

// E and D of a matrix over experts; an axis of 0 would let another one lie.
std::pair<Index, Index> router_shape(LayerInputs& in, const std::string& file,
                                     const std::string& name) {
  const Index E = in.axis(name, 2, 0);
  const Index D = in.axis(name, 2, 1);
  if (E < 1 || D < 1)
    throw Error(fmt::format("{}: array in.{}: expected E and D of 1 or more, "
                            "found [{}, {}]", file, name, E, D));
  return {E, D};
}

// Sizes that meta states must be those of the arrays.
void expect_stated(const std::string& file, const char* key,
                   const Shape& stated, const Shape& arrays) {
  if (!stated.empty() && stated != arrays)
    throw Error(fmt::format("{}: meta key {}: expected {} as in the arrays, "
                            "found {}", file, key, to_text(arrays),
                            to_text(stated)));
}

// Switch's sequences must make up the tokens.
void expect_sequences(const std::string& file, const LayerMeta& meta,
                      Index T) {
  const Index sequence = meta.capacity->group;
  if (sequence == 0) return;
  if (T % sequence != 0)
    throw Error(fmt::format("{}: meta key seq: expected a divisor of the {} "
                            "tokens of in.x, found {}", file, T, sequence));
  if (meta.batch != 0 && meta.batch * sequence != T)
    throw Error(fmt::format("{}: meta key batch: expected {} sequences of {} "
                            "for the {} tokens of in.x, found {}", file,
                            T / sequence, sequence, T, meta.batch));
}

SparseLayer read_sparse(LayerInputs& in, const LayerMeta& meta,
                        const std::string& file) {
  const auto [E, D] = router_shape(in, file, "router_w");
  SparseLayer layer;
  layer.router.config = meta.router;
  layer.router.weight = in.matrix("router_w", E, D);
  layer.router.bias = in.vector("router_b", E);
  layer.router.selection_bias = in.vector("router_bias", E);
  if (layer.router.selection_bias.size() != 0)
    layer.router.config.key = SelectionKey::score_plus_bias;
  layer.capacity = meta.capacity;
  expect_stated(file, "experts", meta.experts, {E});
  if (meta.kind == "capacity")
    expect_sequences(file, meta, in.axis("x", 2, 0));
  if (layer.capacity && layer.capacity->group == 0)
    layer.capacity->group = in.tokens_of_group();
  layer.experts = read_experts(in, meta.activation, E, D);
  if (meta.shared != SharedKind::none)
    layer.shared = read_shared(in, meta.shared, layer.experts.activation, D);
  return layer;
}

ExpertChoiceLayer read_expert_choice(LayerInputs& in, const LayerMeta& meta,
                                     const std::string& file) {
  const auto [E, D] = router_shape(in, file, "router_w");
  ExpertChoiceLayer layer;
  layer.router = in.matrix("router_w", E, D);
  layer.bias = in.vector("router_b", E);
  layer.places = meta.places;
  layer.most_experts = meta.most_experts;
  layer.group = in.tokens_of_group();
  layer.experts = read_experts(in, meta.activation, E, D);
  if (meta.shared != SharedKind::none)
    layer.shared = read_shared(in, meta.shared, layer.experts.activation, D);
  return layer;
}

SoftLayer read_soft(LayerInputs& in, const LayerMeta& meta,
                    const std::string& file) {
  const Index E = in.axis("phi", 3, 0);
  const Index S = in.axis("phi", 3, 1);
  const Index D = in.axis("phi", 3, 2);
  if (E < 1 || S < 1 || D < 1)
    throw Error(fmt::format("{}: array in.phi: expected E, S and D of 1 or "
                            "more, found [{}, {}, {}]", file, E, S, D));
  expect_stated(file, "experts", meta.experts, {E});
  expect_stated(file, "slots", meta.slots, {S});
  SoftLayer layer;
  layer.phi.resize(E * S, D);
  const auto phi = in.matrices("phi", E, S, D);
  for (Index e = 0; e < E; ++e)
    layer.phi.middleRows(e * S, S) = phi[static_cast<std::size_t>(e)];
  layer.slots = S;
  layer.group = in.tokens_of_group();
  layer.normalisation = meta.soft;
  if (meta.soft == SoftNormalisation::l2 && in.has("scale"))
    layer.scale = in.scalar("scale");
  layer.token_gamma = in.vector("norm_gamma", D);
  layer.slot_gamma = in.vector("slot_gamma", D);
  layer.experts = read_experts(in, meta.activation, E, D);
  return layer;
}

HierarchicalLayer read_hierarchical(LayerInputs& in, const LayerMeta& meta,
                                    const std::string& file) {
  const auto [E1, D] = router_shape(in, file, "router_outer_w");
  const Index E2 = in.axis("router_inner_w", 3, 1);
  if (E2 < 1)
    throw Error(fmt::format("{}: array in.router_inner_w: expected E2 of 1 or "
                            "more, found {}", file, E2));
  expect_stated(file, "experts", meta.experts, {E1, E2});
  HierarchicalLayer layer;
  layer.outer.config = meta.router;
  layer.outer.weight = in.matrix("router_outer_w", E1, D);
  for (const Matrix& weight : in.matrices("router_inner_w", E1, E2, D))
    layer.inner.push_back({meta.router, weight, {}, {}});
  const Index group = in.tokens_of_group();
  const Index T = in.tokens_that_compete();
  layer.outer_capacity = meta.capacity;
  layer.outer_capacity->group = group;
  // The inner level shares out the places of a group of experts.
  layer.inner_capacity = meta.capacity;
  layer.inner_capacity->group = group;
  layer.inner_capacity->rule = CapacityRule::fixed;
  const Index buffer = places(*meta.capacity, T, E1, 2);
  layer.inner_capacity->places = places(*meta.capacity, buffer, E2, 2);
  layer.second_group = SecondGroup::best_only;
  layer.experts = read_experts(in, meta.activation, E1 * E2, D);
  return layer;
}

Layer read_layer(LayerInputs& in, const LayerMeta& meta,
                 const std::string& file) {
  if (meta.kind == "expert_choice") return read_expert_choice(in, meta, file);
  if (meta.kind == "soft") return read_soft(in, meta, file);
  if (meta.kind == "hierarchical_top2_capacity")
    return read_hierarchical(in, meta, file);
  return read_sparse(in, meta, file);
}

}  // namespace

LayerFile read_layer_file(const std::string& path, NonFinite nonfinite) {
  LayerFile file{"", "", "", {}, {}, read_npz(path), {}};
  const LayerMeta meta = read_layer_meta(file.arrays);
  file.kind = meta.kind;
  file.name = meta.name;
  file.source = meta.source;
  file.ignored_keys = meta.ignored_keys;

  LayerInputs in(file.arrays, nonfinite);
  if (meta.kind == "topk" || meta.kind == "capacity") in.axis("x", 2, 0);
  file.layer = read_layer(in, meta, path);
  std::visit([&](auto& layer) { layer.nonfinite = nonfinite; }, file.layer);
  file.x = in.tokens(width(file.layer));
  in.expect_all_used();
  try {
    validate(file.layer);
    validate_input(file.layer, file.x);
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
  return file;
}

}  // namespace moe::io
