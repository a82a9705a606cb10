// Who goes where: (token, slot) pairs sorted by expert, then by token.
//
// Pairs that have no expert (an unused slot) or find no place (capacity) go
// nowhere; the others are the rows that experts compute.
#pragma once
#include <optional>
#include <vector>

#include "reference/capacity.h"
#include "reference/router.h"
#include "reference/trace.h"

namespace moe {

/// Expert-sorted places of the (token, slot) pairs that are computed.
struct Dispatch {
  /// [E+1] the rows of expert e are offsets[e] .. offsets[e+1]-1.
  std::vector<Index> offsets;
  std::vector<Index> tokens;  ///< [R] token of each row, ascending in an expert
  std::vector<Index> slots;   ///< [R] slot of each row
  IntMatrix positions;        ///< [T,K] row of each pair, -1: it has none
};

}  // namespace moe

namespace moe::reference {

/// Places the chosen pairs: a stable counting sort by expert of those that
/// find a place (all, if capacity is not limited).
///   Records positions. An expert nobody chose has an empty range.
Dispatch place(const Routing& routing, Index E,
               const std::optional<Capacity>& capacity, Trace* trace);

/// Which pairs find a place [T,K], 1 or 0: the first C of each expert and
/// group in the order of capacity.priority.
IntMatrix places_found(const Capacity& capacity, const Routing& routing,
                       Index E);

/// The weights after dropping: 0 where a pair has no row; of the others, over
/// each token's slots, the normalisation capacity.after of their scores, times
/// nothing else. Records kept_weights [T,K].
///   order: sums over the slots run k ascending, from +0.
void drop_weights(const Capacity& capacity, const Dispatch& dispatch,
                  Routing& routing, Trace* trace);

/// Expert inputs: rows[r] = x[tokens[r]], times the pair's weight where
/// weights act on the input (one product). Records dispatched [R,D].
Matrix gather(const Dispatch& dispatch, const Routing& routing,
              const ConstMatrix& x, Trace* trace);

}  // namespace moe::reference
