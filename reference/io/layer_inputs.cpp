#include "reference/io/layer_inputs.h"

namespace moe::io {

Index LayerInputs::tokens_of_group() {
  const Array& x = arrays_.at("in.x");
  if (x.shape.size() == 2) return 0;
  return axis("x", 3, 1);
}

Index LayerInputs::tokens_that_compete() {
  const bool grouped = arrays_.at("in.x").shape.size() == 3;
  return grouped ? axis("x", 3, 1) : axis("x", 2, 0);
}

Matrix LayerInputs::tokens(Index width) {
  const Array& x = arrays_.at("in.x");
  const bool grouped = x.shape.size() == 3;
  if (!grouped && x.shape.size() != 2)
    throw Error(fmt::format("{}: expected [T, {}] or [groups, T, {}], found {}",
                            place_of(x), width, width, to_text(x.shape)));
  const Index T = grouped ? x.shape[0] * x.shape[1] : x.shape[0];
  const auto values = grouped
                          ? weights("x", {x.shape[0], x.shape[1], width})
                          : weights("x", {T, width});
  return Eigen::Map<const Matrix>(values.data(), T, width);
}

Experts read_experts(LayerInputs& in, Activation activation, Index E, Index D) {
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

Shared read_shared(LayerInputs& in, SharedKind kind,
                   const Activation& activation, Index D) {
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

}  // namespace moe::io
