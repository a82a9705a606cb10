// Which experts a token visits, and with what weights.
//
//   logits z = x W^T (+ bias), in training + noise                [T,E]
//   scores s = z | softmax(z) | sigmoid(z) | sqrt(softplus(z))    [T,E]
//   keys   c = s | s + selection bias; outside the kept groups: excluded_key
//   chosen S = the K largest keys, best first                     [T,K]
//   weights w = s_S | softmax(z_S) | sigmoid(z_S) | near-tie softmax
//           w = w / normaliser, then w = w * scale (* scale of the expert)
//                                                                 [T,K]
//
// source: the pipeline common to Mixtral, Qwen, OLMoE, DeepSeek, gpt-oss,
// Llama 4, ...; each model's switches are its row in reference/presets.cpp.
#pragma once
#include <vector>

#include "reference/batch.h"
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe {

/// Which experts each token visits, best first, and their weights.
struct Routing {
  IntMatrix selected;  ///< [T,K]; -1: the slot is not used
  Matrix weights;      ///< [T,K]; 0 where it is not
  Matrix chosen_scores;  ///< [T,K] scores of the chosen, before any division
  WeightOn weight_on = WeightOn::output;  ///< where they act
};

}  // namespace moe

namespace moe::reference {

/// The whole pipeline; x [T,D]. Records logits, noisy_logits where there is
/// noise, scores, selected, weights; without scores only the last two.
Routing route(const Router& router, const ConstMatrix& x, Trace* trace,
              const Batch& batch = {});

/// What a token-choice layer reads, router and experts alike: x, or in training
/// with Noise::layer_jitter x jittered (router_noise.cpp).
Matrix layer_input(const Router& router, const ConstMatrix& x,
                   const Batch& batch);

/// What the router reads of it: x, or x normalised, or x jittered.
///   order: x.x is a chain of fused multiply-adds, d ascending, from +0.
Matrix router_input(const Router& router, const ConstMatrix& x,
                    const Batch& batch);

/// Adds the noise of training to the logits of input x; true if there is any.
bool add_noise(const Router& router, const ConstMatrix& x, const Batch& batch,
               Matrix& logits);

/// Every expert in the slot of its own number, weighted by its score (times
/// the scale); nothing is chosen. Records logits, scores, selected, weights.
Routing route_to_all(const Router& router, const ConstMatrix& x, Trace* trace);

/// Scores of all experts from their logits z [E].
std::vector<float> scores(Score kind, const std::vector<float>& z);

/// What the choice ranks: s [E] plus the bias, groups left out masked.
std::vector<float> selection_keys(const Router& router,
                                  const std::vector<float>& s);

/// The K experts with the largest keys c [E], best first.
///   order: larger key first, then smaller index; -0 equals +0, NaN last.
std::vector<Index> top_k(const std::vector<float>& c, Index K);

/// The K experts that token t draws among near ties, from its logits z [E]
/// (router_near_tie.cpp).
std::vector<Index> near_tie_choice(const RouterConfig& config,
                                   const std::vector<float>& z,
                                   const Batch& batch, Index t);

/// The weight of slot k among near ties, drawn or not; S [K], z [E].
float near_tie_softmax(const RouterConfig& config, const std::vector<float>& z,
                       const std::vector<Index>& S, std::size_t k,
                       const Batch& batch, Index t);

/// Final weights [K] of the experts S that token t chose, from logits z and
/// scores s.
///   order: every sum over the slots runs best first, from +0.
std::vector<float> weights(const RouterConfig& config,
                           const std::vector<float>& z,
                           const std::vector<float>& s,
                           const std::vector<Index>& S,
                           const Batch& batch = {}, Index t = 0);

/// softmax: e_i = exp(z_i - max), p_i = e_i / (e_0 + e_1 + ...)
///   order: the sum is a chain of additions, i ascending, from +0.
///   A NaN, or an infinite maximum, makes every p_i NaN.
std::vector<float> softmax(const std::vector<float>& z);

}  // namespace moe::reference
