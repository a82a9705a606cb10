#include "cpu/hierarchical.h"

#include "cpu/available.h"
#include "cpu/dispatch.h"
#include "cpu/parallel.h"
#include "cpu/routed.h"

namespace moe::cpu {
namespace {

// The inner choices of all groups side by side, for the trace.
void record_inner(const std::vector<Routing>& inner, Trace* trace) {
  if (trace == nullptr) return;
  const Index T = inner[0].selected.rows();
  const Index K = inner[0].selected.cols();
  const auto E1 = static_cast<Index>(inner.size());
  IntMatrix selected(T, E1 * K);
  Matrix weights(T, E1 * K);
  for (Index i = 0; i < E1; i++) {
    selected.middleCols(i * K, K) = inner[static_cast<std::size_t>(i)].selected;
    weights.middleCols(i * K, K) = inner[static_cast<std::size_t>(i)].weights;
  }
  record(trace, "inner_selected", selected);
  record(trace, "inner_weights", weights);
}

// What a group that is only second choice gives: its best expert alone, as a second slot,
// normalised with a first slot of weight 0.
float weight_of_best(const RouterConfig& inner, float score) {
  const float sum = 0.0F + score + inner.epsilon;
  return inner.normalisation == Normalisation::sum ? score / sum : score;
}

}  // namespace

PreparedHierarchical prepare(const HierarchicalLayer& layer, WeightFormat format) {
  require_available();
  validate(layer);
  HierarchicalLayer outline{.outer = without_weights(layer.outer),
                            .outer_capacity = layer.outer_capacity,
                            .inner = {},
                            .inner_capacity = layer.inner_capacity,
                            .second_group = layer.second_group,
                            .experts = without_weights(layer.experts),
                            .nonfinite = layer.nonfinite};
  std::vector<PreparedRouter> inner;
  for (const Router& router : layer.inner) {
    outline.inner.push_back(without_weights(router));
    inner.push_back(prepare(router));
  }
  return {.outline = Outline<HierarchicalLayer>(std::move(outline)),
          .outer = prepare(layer.outer),
          .inner = std::move(inner),
          .experts = prepare(layer.experts, format)};
}

HierarchicalLayer unpack(const PreparedHierarchical& prepared) {
  HierarchicalLayer layer = prepared.outline.layer();
  layer.outer = unpack(prepared.outer);
  for (std::size_t i = 0; i < layer.inner.size(); i++) layer.inner[i] = unpack(prepared.inner[i]);
  layer.experts = unpack(prepared.experts);
  return layer;
}

Routing flattened(const PreparedHierarchical& layer, const Routing& outer, const Dispatch& groups,
                  const std::vector<Routing>& inner, int threads) {
  const Index T = outer.selected.rows();
  const Index K1 = outer.selected.cols();
  const Index K2 = inner[0].selected.cols();
  const Index E2 = layer.inner[0].linear.outputs;
  const Index K = K1 * K2;
  const RouterConfig& config = layer.inner[0].config;
  const bool no_second = config.later == LaterSlots::none;
  const bool may_be_best_only = layer.outline->second_group == SecondGroup::best_only;
  Routing flat{IntMatrix::Constant(T, K, -1), Matrix::Zero(T, K), Matrix::Zero(T, K),
               WeightOn::output};
  const auto fill = [&](Index t, Index k1) {
    if (groups.positions(t, k1) < 0) return;  // not chosen, or no place
    const Index i = outer.selected(t, k1);
    const Routing& in = inner[static_cast<std::size_t>(i)];
    const float g = outer.weights(t, k1);
    const bool best_only = may_be_best_only && !(g > 0.5F);
    for (Index k2 = 0; k2 < K2; k2++) {
      if (best_only && (k2 != 1 || no_second)) continue;
      const Index from = best_only ? 0 : k2;
      if (in.selected(t, from) < 0) continue;
      const Index slot = k2 * K1 + k1;
      const float score = in.chosen_scores(t, from);
      const float h = best_only ? weight_of_best(config, score) : in.weights(t, from);
      flat.selected(t, slot) = static_cast<std::int32_t>(i * E2 + in.selected(t, from));
      flat.weights(t, slot) = g * h;
      flat.chosen_scores(t, slot) = g * score;
    }
  };
  constexpr Index together = 64;  // tokens per task
  parallel_ranges(thread_count(threads), T, together, [&](Index first, Index last) {
    for (Index t = first; t < last; t++)
      for (Index k1 = 0; k1 < K1; k1++) fill(t, k1);
  });
  return flat;
}

Matrix hierarchical(const PreparedHierarchical& layer, const ConstMatrix& x, Trace* trace,
                    int threads, const Batch& batch) {
  const Index K = layer.outer.config.chosen * (layer.inner.empty() ? 1 : layer.inner.front().config.chosen);
  threads = thread_count(threads, layer.experts, x.rows() * K);
  layer.outline.check_input(x);
  const auto E1 = static_cast<Index>(layer.inner.size());
  const auto E = static_cast<Index>(layer.experts.ffn.size());

  const Routing outer = route(layer.outer, x, trace, threads, batch);
  const Dispatch groups = place(outer, E1, layer.outline->outer_capacity, trace);
  std::vector<Routing> inner;
  Batch draws = batch;
  for (const PreparedRouter& router : layer.inner) {
    draws.router++;
    inner.push_back(route(router, x, nullptr, threads, draws));
  }
  record_inner(inner, trace);

  const Routing routing = flattened(layer, outer, groups, inner, threads);
  record(trace, "slot_selected", routing.selected);
  record(trace, "slot_weights", routing.weights);
  const Dispatch dispatch = place(routing, E, layer.outline->inner_capacity, nullptr);
  record(trace, "slot_positions", dispatch.positions);
  return run_routed(layer.experts, std::nullopt, routing, dispatch, x, trace, threads);
}

}  // namespace moe::cpu
