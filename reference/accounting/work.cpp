#include "reference/accounting/work.h"

#include "reference/error.h"

namespace moe::accounting {
namespace {

// softmax over n logits: n times minus the largest, exp, sum, divide.
void add_softmax(Work& w, Index rows, Index n) {
  w.additions += rows * 2 * n;
  w.functions += rows * n;
  w.divisions += rows * n;
}

void add_scores(Work& w, const RouterConfig& c, Index T, Index E) {
  if (c.score == Score::softmax) add_softmax(w, T, E);
  if (c.score == Score::sigmoid) w.functions += T * E;
  if (c.score == Score::sqrt_softplus) {
    w.functions += T * E;
    w.roots += T * E;
  }
}

void add_selection(Work& w, const RouterConfig& c, Index T, Index E) {
  if (c.key == SelectionKey::score_plus_bias) w.additions += T * E;
  const GroupLimit& g = c.groups;
  if (g.kept < g.count && g.score == GroupScore::sum_of_top2 &&
      E / g.count >= 2)
    w.additions += T * g.count;
}

void add_weights(Work& w, const RouterConfig& c, Index T) {
  const Index K = c.chosen;
  if (c.raw_weight == RawWeight::softmax_of_chosen) add_softmax(w, T, K);
  if (c.raw_weight == RawWeight::sigmoid_of_chosen) w.functions += T * K;
  if (c.normalisation != Normalisation::none) {
    w.additions += T * K;  // the sum
    w.fused += T * K;      // the squares, whichever is used
    w.divisions += T * K;
    if (c.normalisation != Normalisation::max_sum) w.additions += T;
    if (c.normalisation == Normalisation::l2) w.roots += T;
  }
  w.multiplications += T * K;  // the scale, also where it is 1
  w.additions += T * K;        // mass of the slots before
}

void add_drops(Work& w, const Capacity& capacity, Index T, Index R) {
  w.additions += R + T;  // the scores that stay, and epsilon
  if (capacity.after != Normalisation::none) w.divisions += R;
}

void add_activation(Work& w, const Activation& a, Index values) {
  switch (a.function) {
    case Nonlinearity::identity:
    case Nonlinearity::relu:
      break;
    case Nonlinearity::relu_squared:
      w.multiplications += values;
      break;
    case Nonlinearity::gelu:
    case Nonlinearity::gelu_tanh:
    case Nonlinearity::silu:
      w.functions += values;
      break;
    case Nonlinearity::swish:
      w.functions += values;
      w.multiplications += 2 * values;
      break;
  }
  if (a.gated) w.multiplications += values;
  if (a.gated && a.up_offset != 0) w.additions += values;
}

// Fused multiply-adds of one network on one row.
Index ffn_fused(const Ffn& f) {
  return f.gate.size() + f.up.size() + f.down.size();
}

void add_shared(Work& w, const Shared& shared, Index T) {
  const Index D = shared.ffn.down.rows();
  w.fused += T * ffn_fused(shared.ffn);
  add_activation(w, shared.activation, T * shared.ffn.up.rows());
  if (shared.gate.size() != 0) {
    w.fused += T * D;
    w.functions += T;
    w.multiplications += T * D;
  }
  w.additions += T * D;
}

}  // namespace

Index layer_product_fused(const SparseLayer& layer, Index T, Index R) {
  Index fused = T * layer.router.weight.size() +
                R * ffn_fused(layer.experts.ffn.front());
  if (layer.shared)
    fused += T * (ffn_fused(layer.shared->ffn) + layer.shared->gate.size());
  return fused;
}

Work layer_work(const SparseLayer& layer, Index T, Index R) {
  const RouterConfig& c = layer.router.config;
  require(c.raw_weight != RawWeight::near_tie_softmax,
          "the work of a near-tie softmax depends on the logits");
  const auto [E, D, F, K, S] = sizes(layer);
  Work w;
  w.fused += T * E * D;
  add_scores(w, c, T, E);
  add_selection(w, c, T, E);
  add_weights(w, c, T);
  if (layer.capacity) add_drops(w, *layer.capacity, T, R);
  if (c.weight_on == WeightOn::input) w.multiplications += R * D;
  w.fused += R * ffn_fused(layer.experts.ffn.front());
  add_activation(w, layer.experts.activation, R * F);
  w.fused += R * D;  // combine
  if (layer.shared) add_shared(w, *layer.shared, T);
  return w;
}

}  // namespace moe::accounting
