// How many rows an expert takes, and who goes without.
//
// Tokens that share places are a group (a sequence, or the whole batch). In
// each group an expert takes the first C pairs of token and slot, in an order
// of priority; the others are dropped: their weight is 0, their expert never
// sees them.
#pragma once
#include "reference/router_config.h"

namespace moe {

/// How C follows from T tokens of a group, E experts, K slots and a factor f.
enum class CapacityRule {
  fixed,       ///< C = places
  mesh,        ///< max(min(T, floor(T f / E)), 4)
  flaxformer,  ///< max(round(T f / E), 4), halves to even
  lingvo,      ///< floor(T f / E), at least 4, up to a multiple of 4
  vmoe,        ///< ceil(T K f / E), up to a multiple of 4
  deepspeed,   ///< max(ceil(T K f / E), 4)
  megatron,    ///< ceil(T K f / E)
  megablocks,  ///< floor(T K f / E)
  tutel,       ///< K floor(f ceil(T / E))
  fastmoe,     ///< floor(ceil(T f) K / E)
  nllb,        ///< 2 ceil(T / E)
  maxtext,     ///< floor(max(f ceil(T K / E), f))
  hunyuan,     ///< max(K, floor(T K / E))
};

/// Who takes a place first.
enum class Priority {
  choice,      ///< all first choices before any second, then by token
  token,       ///< token by token, each with all its choices
  score,       ///< the largest score of the chosen expert
  confidence,  ///< by choice, then by the score of the token's first choice
};

/// A limit on the rows of an expert.
struct Capacity {
  CapacityRule rule = CapacityRule::fixed;  ///< where C comes from
  Index places = 0;       ///< C of CapacityRule::fixed
  double factor = 1;      ///< f of the other rules
  Index group = 0;        ///< tokens that share places; 0: the whole batch
  Priority priority = Priority::choice;  ///< who comes first
  /// What the weights of a token's kept slots are divided by: after dropping,
  /// where the router's own normalisation is before.
  Normalisation after = Normalisation::none;
  float epsilon = 0;  ///< of that normalisation
};

/// C for a group of T tokens that choose K of E experts each.
///   source: the capacity examples of each rule's code; arithmetic in
///   binary64 as there.
Index places(const Capacity& capacity, Index T, Index E, Index K);

}  // namespace moe
