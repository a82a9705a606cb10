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

// The same in the places they found, as [T,E*C].
MatrixD by_place(const Recording& trace, const char* weights_name, Index E, Index C, Index group) {
  const IntMatrix selected = integers(trace, "selected");
  const IntMatrix places = place_numbers(selected, integers(trace, "positions"), E, group);
  const Matrix weights = numbers(trace, weights_name);
  MatrixD result = MatrixD::Zero(selected.rows(), E * C);
  for (Index t = 0; t < selected.rows(); t++)
    for (Index k = 0; k < selected.cols(); k++)
      if (places(t, k) >= 0) result(t, selected(t, k) * C + places(t, k)) = static_cast<double>(weights(t, k));
  return result;
}

// An array [groups,T,E,C] of weights, one place each; without places [groups,T,E].
ExpectedArray combine_array(const char* name, const io::Array& array, const char* weights_name, Index T, Index E, const Capacity& capacity) {
  const bool with_places = array.shape.size() == 4;
  if (!with_places)
    return {name, rows_of(array, T, E), [weights_name, E](const Recording& trace) { return by_expert(trace, weights_name, E); }};
  const Index group = capacity.group;
  const Index C = places(capacity, group == 0 ? T : group, E, 2);
  return {name, rows_of(array, T, E * C),
          [=](const Recording& trace) { return by_place(trace, weights_name, E, C, group); }};
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
  if (const io::Array* a = to_compare(arrays, "out.combine", expected))
    expected.others.push_back(combine_array("combine", *a, "kept_weights", T, E, *layer.capacity));
  for (const bool tokens : {false, true}) {
    const char* name = tokens ? "dropped_tokens" : "dropped_routes";
    if (const io::Array* a = to_compare(arrays, std::string("out.") + name, expected))
      expected.others.push_back({name, rows_of(*a, 1, 1), [tokens](const Recording& trace) { return scalar(dropped(trace, tokens)); }, true});
  }
}

void add_choice_arrays(const io::ArrayTable& arrays, const ExpertChoiceLayer& layer, Index T, Expected& expected) {
  const Index E = layer.router.rows();
  const Index groups = layer.group == 0 ? 1 : T / layer.group;
  const Index C = std::min(layer.places, layer.group == 0 ? T : layer.group);
  if (const io::Array* a = to_compare(arrays, "out.gates", expected))
    expected.others.push_back({"scores", rows_of(*a, T, E), [](const Recording& trace) { return stage_of(trace, "scores"); }});
  if (const io::Array* a = to_compare(arrays, "out.ec_idx", expected))
    expected.others.push_back({"selected", rows_of(*a, groups * E, C), [](const Recording& trace) { return whole_stage_of(trace, "selected"); }, true});
  if (const io::Array* a = to_compare(arrays, "out.ec_w", expected))
    expected.others.push_back({"weights", rows_of(*a, groups * E, C), [](const Recording& trace) { return stage_of(trace, "weights"); }});
  if (const io::Array* a = to_compare(arrays, "out.experts_per_token", expected))
    expected.others.push_back({"experts_per_token", rows_of(*a, T, 1), [](const Recording& trace) -> MatrixD {
                                 return (integers(trace, "positions").array() >= 0).cast<double>().matrix().rowwise().sum();
                               }, true});
}

void add_soft_arrays(const io::ArrayTable& arrays, const SoftLayer& layer, Index T, Expected& expected) {
  const Index P = layer.phi.rows();
  if (const io::Array* a = to_compare(arrays, "out.dispatch", expected))
    expected.others.push_back({"scores", rows_of(*a, T, P), [](const Recording& trace) { return stage_of(trace, "scores"); }});
  if (const io::Array* a = to_compare(arrays, "out.combine", expected))
    expected.others.push_back({"weights", rows_of(*a, T, P), [](const Recording& trace) { return stage_of(trace, "weights"); }});
}

// The inner level's weights as [E1*groups*C1,E2*C2]: row c of group i is the token that holds place c of it.
MatrixD inner_by_place(const Recording& trace, const HierarchicalLayer& layer, Index C1, Index C2) {
  const IntMatrix outer = integers(trace, "selected"), slots = integers(trace, "slot_selected");
  const Matrix g = numbers(trace, "weights"), gh = numbers(trace, "slot_weights");
  const Index T = outer.rows(), K1 = outer.cols();
  const auto E1 = static_cast<Index>(layer.inner.size());
  const Index E2 = layer.inner[0].weight.rows();
  const Index group = layer.outer_capacity->group == 0 ? T : layer.outer_capacity->group;
  const Index groups = T == 0 ? 0 : T / group;
  const IntMatrix rows = place_numbers(outer, integers(trace, "positions"), E1, group);
  const IntMatrix places = place_numbers(slots, integers(trace, "slot_positions"), E1 * E2, group);
  MatrixD result = MatrixD::Zero(E1 * groups * C1, E2 * C2);
  for (Index t = 0; t < T; t++)
    for (Index s = 0; s < slots.cols(); s++) {
      const Index k1 = s % K1;
      if (places(t, s) < 0 || g(t, k1) == 0) continue;
      const Index i = outer(t, k1);
      const Index row = (i * groups + t / group) * C1 + rows(t, k1);
      result(row, (slots(t, s) - i * E2) * C2 + places(t, s)) = static_cast<double>(gh(t, s)) / static_cast<double>(g(t, k1));
    }
  return result;
}

void add_level_arrays(const io::ArrayTable& arrays, const HierarchicalLayer& layer, Index T, Expected& expected) {
  const auto E1 = static_cast<Index>(layer.inner.size());
  if (!layer.outer_capacity || !layer.inner_capacity) return;
  if (const io::Array* a = to_compare(arrays, "out.combine_outer", expected))
    expected.others.push_back(combine_array("combine_outer", *a, "weights", T, E1, *layer.outer_capacity));
  if (const io::Array* a = to_compare(arrays, "out.combine_inner", expected)) {
    const Index E2 = layer.inner[0].weight.rows();
    const Index group = layer.outer_capacity->group == 0 ? T : layer.outer_capacity->group;
    const Index C1 = places(*layer.outer_capacity, group, E1, 2);
    const Index C2 = places(*layer.inner_capacity, C1, E2, 2);
    expected.others.push_back({"combine_inner", rows_of(*a, E1 * (T == 0 ? 0 : T / group) * C1, E2 * C2),
                               [=](const Recording& trace) { return inner_by_place(trace, layer, C1, C2); }});
  }
}

}  // namespace

IntMatrix place_numbers(const IntMatrix& selected, const IntMatrix& kept, Index E, Index group) {
  IntMatrix places = IntMatrix::Constant(selected.rows(), selected.cols(), -1);
  const Index size = group == 0 ? selected.rows() : group;
  for (Index first = 0; first < selected.rows(); first += size) {
    std::vector<std::int32_t> taken(static_cast<std::size_t>(E), 0);
    for (Index k = 0; k < selected.cols(); k++)
      for (Index t = first; t < std::min(selected.rows(), first + size); t++)
        if (kept(t, k) >= 0) places(t, k) = taken[static_cast<std::size_t>(selected(t, k))]++;
  }
  return places;
}

const io::Array* to_compare(const io::ArrayTable& arrays, const std::string& name, Expected& expected) {
  const io::Array* array = arrays.find(name);
  if (array != nullptr) expected.compared.insert(name);
  return array;
}

std::string not_compared(const io::ArrayTable& arrays, const Expected& expected) {
  std::string names;
  for (const io::Array& array : arrays.arrays())
    if (array.name.starts_with("out.") && !expected.compared.contains(array.name)) names += (names.empty() ? "" : ", ") + array.name;
  return names;
}

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
