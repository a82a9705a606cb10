// Who goes where: (token, slot) pairs sorted by expert, then by token.
#pragma once
#include <optional>

#include "cuda/namespace.h"
#include "reference/dispatch.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A stable counting sort by expert of the pairs that find a place: reference::place. Records
/// positions. Throws Error if an expert is neither one of E nor -1.
Dispatch place(const Routing& routing, Index E, const std::optional<Capacity>& capacity,
               Trace* trace);

/// Which pairs find a place [T,K], 1 or 0: reference::places_found.
IntMatrix places_found(const Capacity& capacity, const Routing& routing, Index E);

/// The weights after dropping: reference::drop_weights. Records kept_weights [T,K].
void drop_weights(const Capacity& capacity, const Dispatch& dispatch, Routing& routing,
                  Trace* trace);

/// rows[r] = x[tokens[r]], times the pair's weight where weights act on the input:
/// reference::gather. Records dispatched [R,D].
Matrix gather(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& x,
              Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
