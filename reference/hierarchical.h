// Two levels: a token picks groups of experts, then experts in each of them.
//
//   outer   S1, g = route(outer, x)            [T,K1]  groups and weights
//   inner   S2, h = route(inner[i], x)         [T,K2]  for each group i
//   slot k2*K1 + k1: expert S1[k1]*E2 + S2[k2] of group S1[k1],
//           weight g[k1] * h[k2]               [T,K1*K2]
//   y = sum over slots of weight * FFN_expert(x)
//
// Flattened so, it is token choice over E1*E2 experts: capacity, experts and
// combine are the same. All first inner choices come before any second.
//
// source: Shazeer et al. 2017 (1701.06538) appendix B; with capacity and
// SecondGroup::best_only: Mesh transformer_moe_layer_v2, Tensor2Tensor.
#pragma once
#include "reference/dispatch.h"
#include "reference/router.h"
#include "reference/trace.h"
#include "reference/variants.h"

namespace moe::reference {

/// One two-level layer; x [T,D], returns y [T,D]. Records logits, scores,
/// selected, weights, positions of the outer level; inner_selected and
/// inner_weights [T,E1*K2]; slot_selected, slot_weights and slot_positions
/// [T,K1*K2]; then as token choice.
///   order: per token one chain over the slots as numbered above.
///   Throws Error if the layer or x makes no sense.
///   The outer router draws as router 0 of the batch, inner i as router 1 + i.
Matrix hierarchical(const HierarchicalLayer& layer, const ConstMatrix& x,
                    Trace* trace = nullptr, const Batch& batch = {});

/// The two levels as one: slot k2*K1 + k1 of each token.
///   outer: with the rows that found a place in its group; inner [E1]: of all
///   tokens. A slot is unused where either level's is.
Routing flattened(const HierarchicalLayer& layer, const Routing& outer,
                  const Dispatch& groups, const std::vector<Routing>& inner);

}  // namespace moe::reference
