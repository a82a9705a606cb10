// Who goes where: (token, slot) pairs sorted by expert, then by token.
#pragma once
#include "reference/dispatch.h"

namespace moe::cpu {

/// A stable counting sort by expert of the pairs that find a place: reference::place. Records
/// positions.
Dispatch place(const Routing& routing, Index E, const std::optional<Capacity>& capacity,
               Trace* trace);

/// Which pairs find a place [T,K], 1 or 0: reference::places_found.
IntMatrix places_found(const Capacity& capacity, const Routing& routing, Index E);

/// The weights after dropping: reference::drop_weights. Records kept_weights [T,K].
void drop_weights(const Capacity& capacity, const Dispatch& dispatch, Routing& routing,
                  Trace* trace);

/// rows[r] = x[tokens[r]], times the pair's weight where weights act on the input:
/// reference::gather. Records dispatched [R,D]. cpu::run_routed packs the rows straight from x
/// instead.
Matrix gather(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& x, Trace* trace,
              int threads = 0);

}  // namespace moe::cpu
