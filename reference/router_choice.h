// Experts that are found without ranking keys: by the token's id, by lot, or
// by balanced assignment. Integer work, one function for all tiers.
#pragma once
#include "reference/router.h"

namespace moe {

/// Does each token find its experts by its own numbers: the largest keys, or a
/// draw among near ties? (If not, one of the below.)
bool ranks_keys(const RouterConfig& config, const Batch& batch);

/// Is it a draw among near ties? (reference/router_near_tie.cpp)
bool draws_near_ties(const RouterConfig& config, const Batch& batch);

/// Row ids[t] of the table [V,K] for each of T tokens; [T,K].
///   source: Hash layers (2106.04426); DeepSeek-V4's first layers in MaxText.
///   Throws Error if an id is missing or names no row.
IntMatrix table_choice(const IntMatrix& table, Index T, const Batch& batch);

/// K experts of E by lot, [T,K]; equal ones may come. In training one draw for
/// the whole batch, else one for each token.
///   source: THOR (2110.04260).
IntMatrix random_choice(Index T, Index E, Index K, const Batch& batch);

/// The experts of a choice that ranks no keys, [T,K]; `logits` [T,E] only
/// matters to Choice::balanced.
IntMatrix choice_without_keys(const RouterConfig& config,
                              const IntMatrix& table,
                              const ConstMatrix& logits, const Batch& batch);

/// The routing of a router without scores: all weights are its scale, all
/// scores 1.
Routing route_without_scores(const RouterConfig& config,
                             const IntMatrix& table, Index T, Index E,
                             const Batch& batch, Trace* trace);

}  // namespace moe
