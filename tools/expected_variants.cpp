// What layer files hold about the variants beyond what all of them have, and where a trace holds the same.
#include <fmt/format.h>

#include "reference/error.h"
#include "reference/io/array_values.h"
#include "tools/expected.h"
#include "tools/run_tiers.h"

namespace moe::tools {
namespace {

MatrixD stage_of(const Recording& trace, const char* name) { return numbers(trace, name).cast<double>(); }
MatrixD whole_stage_of(const Recording& trace, const char* name) { return integers(trace, name).cast<double>(); }

// Weights [T,K] of the slots that found a place, by expert [T,E].
MatrixD by_expert(const Recording& trace, const char* weights_name, Index E) {
  const IntMatrix selected = integers(trace, "selected");
  const IntMatrix positions = integers(trace, "positions");
  const Matrix weights = numbers(trace, weights_name);
  MatrixD result = MatrixD::Zero(selected.rows(), E);
  for (Index t = 0; t < selected.rows(); t++)
    for (Index k = 0; k < selected.cols(); k++)
      if (positions(t, k) >= 0) result(t, selected(t, k)) += static_cast<double>(weights(t, k));
  return result;
}

// An array [groups,T,E,C] of one place each, as [T,E].
MatrixD sum_over_places(const io::Array& array, Index T, Index E) {
  const Index C = array.shape.empty() ? 1 : array.shape.back();
  const MatrixD all = rows_of(array, T, E * C);
  MatrixD sum = MatrixD::Zero(T, E);
  for (Index t = 0; t < T; t++)
    for (Index e = 0; e < E; e++)
      for (Index c = 0; c < C; c++) sum(t, e) += all(t, e * C + c);
  return sum;
}

MatrixD scalar(double value) { return MatrixD::Constant(1, 1, value); }

// Slots without a place, or tokens all of whose slots are without.
double dropped(const Recording& trace, bool tokens) {
  const IntMatrix positions = integers(trace, "positions");
  Index n = 0;
  for (Index t = 0; t < positions.rows(); t++) {
    Index lost = 0;
    for (Index k = 0; k < positions.cols(); k++) lost += positions(t, k) < 0 ? 1 : 0;
    n += !tokens ? lost : lost == positions.cols() ? 1 : 0;
  }
  return static_cast<double>(n);
}

void add_capacity_arrays(const io::ArrayTable& arrays, const SparseLayer& layer, Index T, Expected& expected) {
  const Index E = layer.router.weight.rows();
  if (const io::Array* a = arrays.find("out.combine")) {
    const bool with_places = a->shape.size() == 4;
    expected.others.push_back({"combine", with_places ? sum_over_places(*a, T, E) : rows_of(*a, T, E),
                               [E](const Recording& trace) { return by_expert(trace, "kept_weights", E); }});
  }
  for (const bool tokens : {false, true}) {
    const char* name = tokens ? "dropped_tokens" : "dropped_routes";
    if (const io::Array* a = arrays.find(std::string("out.") + name))
      expected.others.push_back({name, rows_of(*a, 1, 1), [tokens](const Recording& trace) { return scalar(dropped(trace, tokens)); }, true});
  }
}

void add_choice_arrays(const io::ArrayTable& arrays, const ExpertChoiceLayer& layer, Index T, Expected& expected) {
  const Index E = layer.router.rows();
  const Index groups = layer.group == 0 ? 1 : T / layer.group;
  const Index C = std::min(layer.places, layer.group == 0 ? T : layer.group);
  if (const io::Array* a = arrays.find("out.gates"))
    expected.others.push_back({"scores", rows_of(*a, T, E), [](const Recording& trace) { return stage_of(trace, "scores"); }});
  if (const io::Array* a = arrays.find("out.ec_idx"))
    expected.others.push_back({"selected", rows_of(*a, groups * E, C), [](const Recording& trace) { return whole_stage_of(trace, "selected"); }, true});
  if (const io::Array* a = arrays.find("out.ec_w"))
    expected.others.push_back({"weights", rows_of(*a, groups * E, C), [](const Recording& trace) { return stage_of(trace, "weights"); }});
  if (const io::Array* a = arrays.find("out.experts_per_token"))
    expected.others.push_back({"experts_per_token", rows_of(*a, T, 1), [](const Recording& trace) -> MatrixD {
                                 return (integers(trace, "positions").array() >= 0).cast<double>().matrix().rowwise().sum();
                               }, true});
}

void add_soft_arrays(const io::ArrayTable& arrays, const SoftLayer& layer, Index T, Expected& expected) {
  const Index P = layer.phi.rows();
  if (const io::Array* a = arrays.find("out.dispatch"))
    expected.others.push_back({"scores", rows_of(*a, T, P), [](const Recording& trace) { return stage_of(trace, "scores"); }});
  if (const io::Array* a = arrays.find("out.combine"))
    expected.others.push_back({"weights", rows_of(*a, T, P), [](const Recording& trace) { return stage_of(trace, "weights"); }});
}

void add_level_arrays(const io::ArrayTable& arrays, const HierarchicalLayer& layer, Index T, Expected& expected) {
  const auto E1 = static_cast<Index>(layer.inner.size());
  if (const io::Array* a = arrays.find("out.combine_outer"))
    expected.others.push_back({"combine_outer", sum_over_places(*a, T, E1), [E1](const Recording& trace) { return by_expert(trace, "weights", E1); }});
}

}  // namespace

void add_variant_arrays(const io::ArrayTable& arrays, const Layer& layer, Index T, Expected& expected) {
  if (const auto* sparse = std::get_if<SparseLayer>(&layer)) {
    if (sparse->capacity) add_capacity_arrays(arrays, *sparse, T, expected);
  } else if (const auto* choice = std::get_if<ExpertChoiceLayer>(&layer)) {
    add_choice_arrays(arrays, *choice, T, expected);
  } else if (const auto* soft = std::get_if<SoftLayer>(&layer)) {
    add_soft_arrays(arrays, *soft, T, expected);
  } else if (const auto* levels = std::get_if<HierarchicalLayer>(&layer)) {
    add_level_arrays(arrays, *levels, T, expected);
  }
}

}  // namespace moe::tools
