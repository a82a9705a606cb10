#include "reference/io/layer_file.h"

#include <fmt/format.h>

#include <set>

#include "reference/error.h"
#include "reference/io/array_values.h"
#include "reference/io/layer_meta.h"
#include "reference/io/npz.h"

namespace moe::io {
namespace {

/// The inputs of the file; remembers which ones were asked for.
class Inputs {
 public:
  Inputs(const ArrayTable& arrays, NonFinite nonfinite)
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
      result.push_back(Eigen::Map<const Matrix>(
          values.data() + i * rows * columns, rows, columns));
    return result;
  }

  Matrix matrix(const std::string& name, Index rows, Index columns) {
    const auto values = weights(name, {rows, columns});
    return Eigen::Map<const Matrix>(values.data(), rows, columns);
  }

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

// Gated experts have w_gate and w_up, plain ones w_in.
Experts read_experts(Inputs& in, Activation activation, Index E, Index D) {
  activation.gated = !in.has("w_in");
  const std::string up = activation.gated ? "up" : "in";
  const Index F = in.axis("w_" + up, 3, 1);
  Experts experts;
  experts.activation = activation;
  experts.ffn.resize(static_cast<std::size_t>(E));
  const auto each = [&](const std::string& name, Index rows, Index columns,
                        auto assign) {
    const auto all = in.matrices(name, E, rows, columns);
    for (std::size_t e = 0; e < all.size(); ++e) assign(experts.ffn[e], all[e]);
  };
  const auto bias = [&](const std::string& name, Index size, Vector Ffn::*to) {
    if (!in.has(name)) return;
    const Matrix all = in.matrix(name, E, size);
    for (Index e = 0; e < E; ++e)
      experts.ffn[static_cast<std::size_t>(e)].*to = all.row(e).transpose();
  };
  if (activation.gated)
    each("w_gate", F, D, [](Ffn& ffn, const Matrix& m) { ffn.gate = m; });
  each("w_" + up, F, D, [](Ffn& ffn, const Matrix& m) { ffn.up = m; });
  each("w_down", D, F, [](Ffn& ffn, const Matrix& m) { ffn.down = m; });
  if (activation.gated) bias("b_gate", F, &Ffn::gate_bias);
  bias("b_" + up, F, &Ffn::up_bias);
  bias("b_down", D, &Ffn::down_bias);
  return experts;
}

Shared read_shared(Inputs& in, SharedKind kind, const Activation& activation,
                   Index D) {
  Shared shared;
  shared.activation = activation;
  const Index F = in.axis("sh_up", 2, 0);
  if (activation.gated) shared.ffn.gate = in.matrix("sh_gate", F, D);
  shared.ffn.up = in.matrix("sh_up", F, D);
  shared.ffn.down = in.matrix("sh_down", D, F);
  if (kind == SharedKind::sigmoid_gated)
    shared.gate = in.matrix("sh_router", 1, D);
  return shared;
}

}  // namespace

LayerFile read_layer_file(const std::string& path, NonFinite nonfinite) {
  LayerFile file{"", "", "", {}, {}, read_npz(path), {}};
  const LayerMeta meta = read_layer_meta(file.arrays);
  file.kind = meta.kind;
  file.name = meta.name;
  file.source = meta.source;
  file.ignored_keys = meta.ignored_keys;

  Inputs in(file.arrays, nonfinite);
  const Index E = in.axis("router_w", 2, 0);
  const Index D = in.axis("router_w", 2, 1);
  if (E < 1 || D < 1)  // an axis of 0 would let another one lie
    throw Error(
        fmt::format("{}: array in.router_w: expected E and D of 1 or "
                    "more, found [{}, {}]",
                    path, E, D));
  SparseLayer& layer = file.layer;
  layer.nonfinite = nonfinite;
  layer.router.config = meta.router;
  layer.router.weight = in.matrix("router_w", E, D);
  layer.router.bias = in.vector("router_b", E);
  layer.router.selection_bias = in.vector("router_bias", E);
  if (layer.router.selection_bias.size() != 0)
    layer.router.config.key = SelectionKey::score_plus_bias;
  layer.experts = read_experts(in, meta.activation, E, D);
  if (meta.shared != SharedKind::none)
    layer.shared = read_shared(in, meta.shared, layer.experts.activation, D);
  file.x = in.matrix("x", in.axis("x", 2, 0), D);
  in.expect_all_used();
  try {
    validate(layer);
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
  return file;
}

}  // namespace moe::io
