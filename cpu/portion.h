// A batch cut into portions of tokens, so that what a pass needs beside the weights does not grow
// with T.
//
// A row of an expert depends on its own token alone, so the cut shows in no result. It costs that
// the weights are read once for every portion; with a hundred rows an expert that goes unnoticed
// behind the arithmetic.
#pragma once
#include <vector>

#include "cpu/expert.h"
#include "reference/dispatch.h"

namespace moe::cpu {

/// Some tokens of a batch, one after the other, as if there were no others.
struct Portion {
  Index first = 0;   ///< the first of them
  Index tokens = 0;  ///< n
  Routing routing;   ///< weights [n,K] and weight_on; nothing else
  Dispatch dispatch;  ///< of the n tokens, counted from 0
  std::vector<Index> begins;  ///< [E] where each expert's rows lie among those of the whole batch
};

/// How many portions of about equal size to cut a batch into: so many that a portion's outputs, of
/// D values a row, are few beside the weights, but each expert's rows enough to make up for reading
/// its weights.
Index portion_count(const PreparedExperts& experts, const Dispatch& dispatch, Index D);

/// Tokens first .. last-1.
Portion portion(const Routing& routing, const Dispatch& dispatch, Index first, Index last);

}  // namespace moe::cpu
