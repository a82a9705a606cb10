// The arrays in.* of a layer file. For the sources of this folder only.
#pragma once
#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "reference/error.h"
#include "reference/io/array_table.h"
#include "reference/io/array_values.h"
#include "reference/presets.h"

namespace moe::io {

/// The inputs of the file; remembers which ones were asked for.
class LayerInputs {
 public:
  LayerInputs(const ArrayTable& arrays, NonFinite nonfinite)
      : arrays_(arrays), nonfinite_(nonfinite) {}

  bool has(const std::string& name) const {
    return arrays_.find("in." + name) != nullptr;
  }

  /// Size of one axis of an array that must have so many axes.
  Index axis(const std::string& name, std::size_t axes, std::size_t which) {
    const Array& array = arrays_.at("in." + name);
    if (array.shape.size() != axes)
      throw Error(fmt::format("{}: expected {} axes, found {}", place_of(array),
                              axes, to_text(array.shape)));
    return array.shape[which];
  }

  /// Values of an array of that shape, one matrix for each of its first axis.
  std::vector<Matrix> matrices(const std::string& name, Index count, Index rows,
                               Index columns) {
    const auto values = weights(name, {count, rows, columns});
    std::vector<Matrix> result;
    for (Index i = 0; i < count; ++i)
      result.emplace_back(Eigen::Map<const Matrix>(
          values.data() + i * rows * columns, rows, columns));
    return result;
  }

  Matrix matrix(const std::string& name, Index rows, Index columns) {
    const auto values = weights(name, {rows, columns});
    return Eigen::Map<const Matrix>(values.data(), rows, columns);
  }

  /// Tokens [T,D], or [groups,T,D] one group after another.
  Matrix tokens(Index width);
  /// Tokens of a group: T of [groups,T,D], 0 of [T,D] (one group).
  Index tokens_of_group();

  /// T that share places: of a group, or all of them.
  Index tokens_that_compete();

  float scalar(const std::string& name) { return weights(name, {})[0]; }

  /// The array as a vector; empty if the file has none.
  Vector vector(const std::string& name, Index size) {
    if (!has(name)) return {};
    const auto values = weights(name, {size});
    return Eigen::Map<const Vector>(values.data(), size);
  }

  /// Throws Error for an input that this kind of layer has no use for.
  void expect_all_used() const {
    for (const Array& array : arrays_.arrays())
      if (array.name.starts_with("in.") && !used_.contains(array.name))
        throw Error(
            fmt::format("{}: has no meaning in this layer", place_of(array)));
  }

 private:
  std::vector<float> weights(const std::string& name, const Shape& shape) {
    used_.insert("in." + name);
    return to_weights(arrays_.at("in." + name), shape, nonfinite_);
  }

  const ArrayTable& arrays_;
  NonFinite nonfinite_;
  std::set<std::string> used_;
};

/// The routed experts: gated ones have w_gate and w_up, plain ones w_in.
Experts read_experts(LayerInputs& in, Activation activation, Index E, Index D);

/// The shared expert.
Shared read_shared(LayerInputs& in, SharedKind kind,
                   const Activation& activation, Index D);

}  // namespace moe::io
