// Which experts a token visits, and with what weights. The pipeline is told in reference/router.h;
// here the steps take and fill the caller's arrays, because they run once per token.
#pragma once
#include <span>

#include "cpu/linear.h"
#include "reference/router.h"

namespace moe::cpu {

/// A router, packed.
struct PreparedRouter {
  RouterConfig config;
  PreparedLinear linear;  ///< [E,D] and bias
  Vector selection_bias;  ///< [E] or empty
  Vector input_gain;      ///< [D] or empty
  PreparedLinear noise;   ///< [E,D]; no outputs where noise is not learned
  IntMatrix table;        ///< [V,K] or empty
  Vector expert_scale;    ///< [E] or empty
  Index unscored = 0;     ///< E of a router without scores
};
/// E, the experts a router chooses among.
inline Index count(const PreparedRouter& router) {
  return router.linear.outputs + router.unscored;
}

/// Packs a router.
PreparedRouter prepare(const Router& router);
/// The router that was packed, bit for bit.
Router unpack(const PreparedRouter& router);

/// The whole pipeline; x [T,D]: reference::route. Records logits, noisy_logits where there is
/// noise, scores, selected, weights; without scores only the last two.
Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace, int threads = 0,
              const Batch& batch = {});

/// Does the layer read anything but x itself?
bool jitters_layer(const PreparedRouter& router, const Batch& batch);
/// What it reads then: reference::layer_input.
Matrix layer_input(const PreparedRouter& router, const ConstMatrix& x, const Batch& batch,
                   int threads);

/// Does the router read anything but what the layer reads?
bool changes_input(const PreparedRouter& router, const Batch& batch);
/// What it reads then: reference::router_input.
Matrix router_input(const PreparedRouter& router, const ConstMatrix& x, const Batch& batch,
                    int threads);
/// Adds the noise of training to the logits of input x; true if there is any: reference::add_noise.
bool add_noise(const PreparedRouter& router, const ConstMatrix& x, const Batch& batch,
               Matrix& logits, int threads);

/// Every expert in the slot of its own number, weighted by its score: reference::route_to_all.
/// Records logits, scores, selected, weights.
Routing route_to_all(const PreparedRouter& router, const ConstMatrix& x, Trace* trace,
                     int threads = 0);

/// The scores of every row of z [T,E] (softmax: over the row).
Matrix all_scores(Score kind, const Matrix& z, int threads = 0);

/// Scores s [E] of all experts from their logits z [E].
void scores(Score kind, std::span<const float> z, std::span<float> s);

/// What the choice ranks, c [E]: s [E] plus the bias, groups left out masked.
void selection_keys(const RouterConfig& config, const Vector& selection_bias,
                    std::span<const float> s, std::span<float> c);

/// The K experts S with the largest keys c [E], best first; K = S.size() <= E.
void top_k(std::span<const float> c, std::span<std::int32_t> S);

/// The K experts S that token t draws among near ties: reference::near_tie_choice.
void near_tie_choice(const RouterConfig& config, std::span<const float> z, const Batch& batch,
                     Index t, std::span<std::int32_t> S);
/// The weight of slot k among near ties, drawn or not: reference::near_tie_softmax.
float near_tie_softmax(const RouterConfig& config, std::span<const float> z,
                       std::span<const std::int32_t> S, std::size_t k, const Batch& batch, Index t);

/// Final weights w [K] of the experts S that token t chose, from logits z and scores s.
void weights(const RouterConfig& config, std::span<const float> z, std::span<const float> s,
             std::span<const std::int32_t> S, std::span<float> w, const Batch& batch = {},
             Index t = 0);

/// softmax, p [n] of z [n], the sum a chain in ascending order. May run in place.
void softmax(std::span<const float> z, std::span<float> p);

}  // namespace moe::cpu
