// EPLB: busy experts on more than one rank.
// source: deepseek-ai/EPLB, "global load balancing"
#pragma once
#include <vector>

#include "reference/types.h"

namespace moe::accounting {

/// Where replicas lie.
struct Replicas {
  std::vector<Index> copies;         ///< [E] of each expert, 1 or more
  std::vector<Index> rank_of_slot;   ///< [slots]
  std::vector<Index> expert_of_slot; ///< [slots]
  double max_over_mean = 0;          ///< load of the busiest rank over the mean
  double before = 0;  ///< the same with one copy each, in order of number
};

/// Gives E experts `slots` places, a replica at a time to the expert with the
/// largest load a copy, then packs places onto `ranks` ranks of equal size,
/// the heaviest first onto the lightest rank with room. Ties: the smaller
/// number. Throws Error unless E <= slots, and `ranks` divides both.
Replicas replicate(const std::vector<Index>& load, Index slots, Index ranks);

}  // namespace moe::accounting
