#include "reference/accounting/work.h"

#include "reference/error.h"
#include "reference/router_choice.h"

namespace moe::accounting {
namespace {

// softmax over n logits: n times minus the largest, exp, sum, divide.
void add_softmax(Work& w, Index rows, Index n) {
  w.additions += rows * 2 * n;
  w.functions += rows * n;
  w.divisions += rows * n;
}

// What the router reads: x as it is, or normalised, or jittered.
void add_input(Work& w, const Router& router, Index T, Index D,
               bool training) {
  if (router.input_gain.size() != 0) {
    w.fused += T * D;  // x.x
    w.additions += T;  // epsilon
    w.roots += T;
    w.divisions += T + T * D;  // the mean, and by the root
    w.multiplications += T * D;
  }
  const Noise noise = router.config.noise_kind;
  if (training &&
      (noise == Noise::input_jitter || noise == Noise::layer_jitter)) {
    w.draws += T * D;
    w.additions += 1 + T * D;            // 1 - noise, once
    w.multiplications += 1 + 2 * T * D;  // 2 noise, once
  }
}

// Noise on the logits; the product with its weights is counted with others.
void add_noise(Work& w, const RouterConfig& c, Index T, Index E) {
  const bool learned = c.noise_kind == Noise::learned_gaussian;
  if (!learned && c.noise_kind != Noise::gaussian) return;
  w.draws += T * E;
  w.divisions += T * E;  // noise / E, used or not
  w.multiplications += T * E;
  w.additions += T * E;
  if (learned) {
    w.functions += T * E;
    w.additions += T * E;
  }
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
  if (c.later == LaterSlots::random) {
    w.draws += T * K;
    w.divisions += T * (K - 1);
  }
}

// From tokens to weights, but the products with matrices. A router without
// scores has no numbers to work on.
void add_router(Work& w, const Router& router, Index T, bool training) {
  const RouterConfig& c = router.config;
  const Index E = count(router);
  const Index K = c.chosen;
  const bool ranks = ranks_keys(c, {.training = training});
  if (c.choice == Choice::random) w.draws += T * K;
  if (router.unscored > 0) return;
  add_input(w, router, T, router.weight.cols(), training);
  if (training) add_noise(w, c, T, E);
  add_scores(w, c, T, E);
  if (ranks) add_selection(w, c, T, E);
  add_weights(w, c, T);
  if (router.expert_scale.size() != 0) w.multiplications += T * K;
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

// How many times the gate of a shared expert is computed, and used.
Index gate_passes(const Shared& shared) {
  if (shared.join != SharedJoin::added) return 2;  // make_room, run_shared
  return shared.gate.size() == 0 ? 0 : 1;
}

void add_shared(Work& w, const Shared& shared, Index T) {
  const Index D = shared.ffn.down.rows();
  const Index TG = T * gate_passes(shared);
  add_activation(w, shared.activation, T * shared.ffn.up.rows());
  if (shared.join == SharedJoin::weighed)
    add_softmax(w, TG, 2);
  else
    w.functions += TG;  // sigmoid
  if (shared.join == SharedJoin::blended) w.additions += TG;  // 1 - c
  w.multiplications += TG * D;
  w.additions += T * D;
}

}  // namespace

Index layer_product_fused(const SparseLayer& layer, Index T, Rows rows,
                          bool training) {
  Index fused = T * layer.router.weight.size() +
                rows.networks * ffn_fused(layer.experts.ffn.front());
  if (training) fused += T * layer.router.noise_weight.size();
  if (layer.latent)
    fused += T * (layer.latent->down.size() + layer.latent->up.size());
  if (layer.shared)
    fused += T * (ffn_fused(layer.shared->ffn) +
                  gate_passes(*layer.shared) * layer.shared->gate.size());
  return fused;
}

Work layer_work(const SparseLayer& layer, Index T, Rows rows, bool training) {
  const RouterConfig& c = layer.router.config;
  require(c.raw_weight != RawWeight::near_tie_softmax,
          "the work of a near-tie softmax depends on the logits");
  require(!training || c.choice != Choice::balanced,
          "the work of an auction depends on the logits");
  const auto [E, D, F, K, S] = sizes(layer);
  const Index width = layer.latent ? layer.latent->down.rows() : D;
  Work w;
  w.fused = layer_product_fused(layer, T, rows, training);
  add_router(w, layer.router, T, training);
  if (layer.capacity) add_drops(w, *layer.capacity, T, rows.all());
  if (c.weight_on == WeightOn::input)
    w.multiplications += rows.all() * width;
  add_activation(w, layer.experts.activation, rows.networks * F);
  w.fused += rows.all() * width;  // combine
  if (layer.shared) add_shared(w, *layer.shared, T);
  if (layer.residual) w.additions += T * D;
  return w;
}

}  // namespace moe::accounting
