// Who goes where: (token, slot) pairs sorted by expert, then by token.
#pragma once
#include <vector>

#include "reference/router.h"
#include "reference/trace.h"

namespace moe {

/// Expert-sorted places of the chosen (token, slot) pairs.
struct Dispatch {
  /// [E+1] the rows of expert e are offsets[e] .. offsets[e+1]-1.
  std::vector<Index> offsets;
  std::vector<Index> tokens;  ///< [R] token of each row, ascending in an expert
  std::vector<Index> slots;   ///< [R] slot of each row
  IntMatrix positions;        ///< [T,K] row of each pair
};

}  // namespace moe

namespace moe::reference {

/// Places every chosen pair: a stable counting sort by expert.
///   Records positions. An expert nobody chose has an empty range.
Dispatch place(const Routing& routing, Index E, Trace* trace);

/// Expert inputs: rows[r] = x[tokens[r]], times the pair's weight where
/// weights act on the input (one product). Records dispatched [R,D].
Matrix gather(const Dispatch& dispatch, const Routing& routing,
              const ConstMatrix& x, Trace* trace);

}  // namespace moe::reference
