#include "reference/hierarchical.h"

#include "reference/routed.h"

namespace moe::reference {
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
    selected.middleCols(i * K, K) = inner[std::size_t(i)].selected;
    weights.middleCols(i * K, K) = inner[std::size_t(i)].weights;
  }
  record(trace, "inner_selected", selected);
  record(trace, "inner_weights", weights);
}

// What a group that is only second choice gives: its best expert alone, as a
// second slot, normalised with a first slot of weight 0.
float weight_of_best(const RouterConfig& inner, float score) {
  const float sum = 0.0F + score + inner.epsilon;
  return inner.normalisation == Normalisation::sum ? score / sum : score;
}

}  // namespace

Routing flattened(const HierarchicalLayer& layer, const Routing& outer,
                  const Dispatch& groups, const std::vector<Routing>& inner) {
  const Index T = outer.selected.rows();
  const Index K1 = outer.selected.cols();
  const Index K2 = inner[0].selected.cols();
  const Index E2 = layer.inner[0].weight.rows();
  const Index K = K1 * K2;
  const bool no_second = layer.inner[0].config.later == LaterSlots::none;
  Routing flat{IntMatrix::Constant(T, K, -1), Matrix::Zero(T, K),
               Matrix::Zero(T, K), WeightOn::output};
  for (Index t = 0; t < T; t++) {
    for (Index k1 = 0; k1 < K1; k1++) {
      if (groups.positions(t, k1) < 0) continue;  // not chosen, or no place
      const Index i = outer.selected(t, k1);
      const Routing& in = inner[std::size_t(i)];
      const float g = outer.weights(t, k1);
      const bool best_only =
          layer.second_group == SecondGroup::best_only && !(g > 0.5F);
      for (Index k2 = 0; k2 < K2; k2++) {
        if (best_only && (k2 != 1 || no_second)) continue;
        const Index from = best_only ? 0 : k2;
        if (in.selected(t, from) < 0) continue;
        const Index slot = k2 * K1 + k1;
        flat.selected(t, slot) =
            static_cast<std::int32_t>(i * E2 + in.selected(t, from));
        const float score = in.chosen_scores(t, from);
        const float h = best_only
                            ? weight_of_best(layer.inner[0].config, score)
                            : in.weights(t, from);
        flat.weights(t, slot) = g * h;
        flat.chosen_scores(t, slot) = g * score;
      }
    }
  }
  return flat;
}

Matrix hierarchical(const HierarchicalLayer& layer, const ConstMatrix& x,
                    Trace* trace, const Batch& batch) {
  validate(layer);
  validate_input(layer, x);
  const auto E1 = static_cast<Index>(layer.inner.size());
  const auto E = static_cast<Index>(layer.experts.ffn.size());

  const Routing outer = route(layer.outer, x, trace, batch);
  const Dispatch groups = place(outer, E1, layer.outer_capacity, trace);
  std::vector<Routing> inner;
  Batch draws = batch;
  for (const Router& router : layer.inner) {
    draws.router++;
    inner.push_back(route(router, x, nullptr, draws));
  }
  record_inner(inner, trace);

  Routing routing = flattened(layer, outer, groups, inner);
  record(trace, "slot_selected", routing.selected);
  record(trace, "slot_weights", routing.weights);
  const Dispatch dispatch =
      place(routing, E, layer.inner_capacity, nullptr);
  record(trace, "slot_positions", dispatch.positions);
  return run_routed(layer.experts, std::nullopt, routing, dispatch, x, trace);
}

}  // namespace moe::reference
