#include "cuda/hierarchical.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// The inner choices of all groups side by side, for the trace.
void record_inner(const std::vector<DeviceRouting>& inner, Trace* trace) {
  if (trace == nullptr) return;
  const Index T = inner[0].tokens;
  const Index K = inner[0].chosen;
  const auto E1 = static_cast<Index>(inner.size());
  IntMatrix selected(T, E1 * K);
  Matrix weights(T, E1 * K);
  for (Index i = 0; i < E1; i++) {
    const Routing host = download(inner[static_cast<std::size_t>(i)]);
    selected.middleCols(i * K, K) = host.selected;
    weights.middleCols(i * K, K) = host.weights;
  }
  moe::record(trace, "inner_selected", selected);
  moe::record(trace, "inner_weights", weights);
}

DeviceRouting flattened(const HierarchicalLayer& outline, Index E, const DeviceRouting& outer,
                        const DeviceDispatch& groups, const std::vector<DeviceRouting>& inner) {
  const RouterConfig& config = outline.inner[0].config;
  const kernels::Levels levels{
      .outer_chosen = outer.chosen,
      .inner_chosen = inner[0].chosen,
      .experts_per_group = E / static_cast<Index>(inner.size()),
      .best_only = outline.second_group == SecondGroup::best_only,
      .no_second = config.later == LaterSlots::none,
      .divided_by_sum = config.normalisation == Normalisation::sum,
      .epsilon = config.epsilon};
  std::vector<kernels::InnerRouting> pointers;
  for (const DeviceRouting& routing : inner)
    pointers.push_back(
        {routing.selected.data(), routing.weights.data(), routing.chosen_scores.data()});
  const Array<kernels::InnerRouting> on_device(pointers);
  DeviceRouting flat(outer.tokens, outer.chosen * inner[0].chosen, WeightOn::output);
  flat.full = false;
  kernels::flatten(levels, outer.tokens, outer.selected.data(), outer.weights.data(),
                   groups.positions.data(), on_device.data(), flat.selected.data(),
                   flat.weights.data(), flat.chosen_scores.data());
  return flat;
}

}  // namespace

PreparedHierarchical prepare(const HierarchicalLayer& layer) {
  validate(layer);
  PreparedHierarchical prepared;
  prepared.outer_ = prepare(layer.outer);
  prepared.outline_.outer = router_outline(layer.outer);
  for (const Router& router : layer.inner) {
    prepared.inner_.push_back(prepare(router));
    prepared.outline_.inner.push_back(router_outline(router));
  }
  prepared.experts_ = prepare(layer.experts);
  prepared.outline_.experts.ffn.resize(layer.experts.ffn.size());
  prepared.outline_.outer_capacity = layer.outer_capacity;
  prepared.outline_.inner_capacity = layer.inner_capacity;
  prepared.outline_.second_group = layer.second_group;
  prepared.outline_.nonfinite = layer.nonfinite;
  return prepared;
}

HierarchicalLayer unpack(const PreparedHierarchical& prepared) {
  HierarchicalLayer layer = prepared.outline();
  layer.outer = unpack(prepared.outer());
  for (std::size_t i = 0; i < layer.inner.size(); i++) layer.inner[i] = unpack(prepared.inner()[i]);
  layer.experts = unpack(prepared.experts());
  return layer;
}

Matrix hierarchical(const PreparedHierarchical& layer, const ConstMatrix& host_x, Trace* trace,
                    const Batch& batch) {
  const HierarchicalLayer& outline = layer.outline();
  validate_input(outline, host_x);
  const auto E1 = static_cast<Index>(outline.inner.size());
  const auto E = static_cast<Index>(outline.experts.ffn.size());
  const DeviceMatrix x = upload(host_x);

  const DeviceRouting outer = route(layer.outer(), x, trace, batch);
  const DeviceDispatch groups = place(outer, E1, outline.outer_capacity, trace);
  std::vector<DeviceRouting> inner;
  Batch draws = batch;
  for (const PreparedRouter& router : layer.inner()) {
    draws.router++;
    inner.push_back(route(router, x, nullptr, draws));
  }
  record_inner(inner, trace);

  const DeviceRouting routing = flattened(outline, E, outer, groups, inner);
  if (trace != nullptr) {
    const Routing host = download(routing);
    moe::record(trace, "slot_selected", host.selected);
    moe::record(trace, "slot_weights", host.weights);
  }
  const DeviceDispatch dispatch = place(routing, E, outline.inner_capacity, nullptr);
  record(trace, "slot_positions", dispatch.positions, routing.tokens, routing.chosen);
  return run_routed(layer.experts(), std::nullopt, routing, dispatch, x, trace);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
