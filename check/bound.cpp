#include "check/bound.h"

#include <fmt/format.h>

#include <vector>

#include "check/bound_router.h"
#include "reference/error.h"

namespace moe::check {
namespace {

using Row = std::vector<Approx>;

// y[f] = bias[f] + sum over d of x[d] w[f,d].
Row linear(const Row& x, const Matrix& w, const Vector& bias) {
  Row y;
  for (Index f = 0; f < w.rows(); f++) {
    Approx sum = bias.size() == 0 ? Approx{} : exactly(bias[f]);
    for (Index d = 0; d < w.cols(); d++)
      sum = fused_multiply_add(x[std::size_t(d)], exactly(w(f, d)), sum);
    y.push_back(sum);
  }
  return y;
}

Row network(const Activation& activation, const Ffn& ffn, const Row& x) {
  Row hidden = linear(x, ffn.up, ffn.up_bias);
  if (activation.gated) {
    const Row gate = linear(x, ffn.gate, ffn.gate_bias);
    for (std::size_t f = 0; f < hidden.size(); f++)
      hidden[f] = gated_activation(activation, gate[f], hidden[f]);
  } else {
    for (Approx& h : hidden) h = nonlinearity(activation, h);
  }
  return linear(hidden, ffn.down, ffn.down_bias);
}

// Weighted sum of the chosen experts' outputs for one token.
Row routed(const SparseLayer& layer, const Row& x, const std::vector<Index>& S, const Row& w) {
  Row y(x.size());
  const bool on_input = layer.router.config.weight_on == WeightOn::input;
  for (std::size_t k = 0; k < S.size(); k++) {
    Row input = x;
    if (on_input)
      for (Approx& value : input) value = multiply(w[k], value);
    const Ffn& ffn = layer.experts.ffn[std::size_t(S[k])];
    const Row out = network(layer.experts.activation, ffn, input);
    const Approx weight = on_input ? exactly(1) : w[k];
    for (std::size_t d = 0; d < y.size(); d++) y[d] = fused_multiply_add(weight, out[d], y[d]);
  }
  return y;
}

Row shared_expert(const Shared& shared, const Row& x) {
  Row y = network(shared.activation, shared.ffn, x);
  if (shared.gate.size() == 0) return y;
  const Approx open = sigmoid(linear(x, shared.gate, Vector())[0]);
  for (Approx& value : y) value = multiply(open, value);
  return y;
}

void store(const Row& row, Index t, DoubleMatrix& values, DoubleMatrix& bounds) {
  for (Index i = 0; i < static_cast<Index>(row.size()); i++) {
    values(t, i) = row[std::size_t(i)].value;
    // Room for the roundings of this computation, and of the binary64 result it is compared with.
    bounds(t, i) = row[std::size_t(i)].error * (1 + 0x1p-16);
  }
}

std::vector<Index> choice_of(const SparseLayer& layer, const IntMatrix& selected, Index t) {
  const auto E = static_cast<Index>(layer.experts.ffn.size());
  std::vector<Index> S;
  for (Index k = 0; k < selected.cols(); k++) {
    if (selected(t, k) < 0 || selected(t, k) >= E)
      throw Error(fmt::format("bound: selected holds {} at token {}, slot {}; expected 0 to {}",
                              selected(t, k), t, k, E - 1));
    S.push_back(selected(t, k));
  }
  return S;
}

// The derivation covers networks whose every slot is used, and a shared expert that is added.
void expect_bounded(const SparseLayer& layer) {
  const Router& router = layer.router;
  if (layer.capacity || router.config.later != LaterSlots::all)
    throw Error("bound: expected a layer whose every slot is used, found one that drops some");
  const bool ranked = (router.config.choice == Choice::top_k || router.config.choice == Choice::near_tie) && router.input_gain.size() == 0 &&
                      router.expert_scale.size() == 0;
  const bool added = !layer.shared || layer.shared->join == SharedJoin::added;
  if (!ranked || !added || layer.latent || layer.residual || layer.experts.identities != 0)
    throw Error("bound: expected networks chosen by score and an added shared expert, found a layer "
                "with more");
}

}  // namespace

Bounded bound(const SparseLayer& layer, const ConstMatrix& x, const IntMatrix& selected) {
  validate(layer);
  validate_input(layer, x);
  expect_bounded(layer);
  const LayerSizes size = sizes(layer);
  const Index T = x.rows();
  const Index K = size.chosen;
  if (selected.rows() != T || selected.cols() != K)
    throw Error(fmt::format("bound: selected is [{},{}], expected [{},{}]", selected.rows(),
                            selected.cols(), T, K));
  Bounded result;
  for (DoubleMatrix* m : {&result.output, &result.output_bound}) m->resize(T, size.width);
  for (DoubleMatrix* m : {&result.weights, &result.weights_bound}) m->resize(T, K);
  for (DoubleMatrix* m : {&result.logits, &result.logits_bound}) m->resize(T, size.experts);

  for (Index t = 0; t < T; t++) {
    Row token;
    for (Index d = 0; d < size.width; d++) token.push_back(exactly(x(t, d)));
    const std::vector<Index> S = choice_of(layer, selected, t);
    const Row z = linear(token, layer.router.weight, layer.router.bias);
    const Row w = bound_weights(layer.router.config, z, S);
    Row y = routed(layer, token, S, w);
    if (layer.shared) {
      const Row more = shared_expert(*layer.shared, token);
      for (std::size_t d = 0; d < y.size(); d++) y[d] = add(y[d], more[d]);
    }
    store(z, t, result.logits, result.logits_bound);
    store(w, t, result.weights, result.weights_bound);
    store(y, t, result.output, result.output_bound);
  }
  return result;
}

}  // namespace moe::check
