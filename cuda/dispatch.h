// Who goes where: (token, slot) pairs sorted by expert, then by token.
#pragma once
#include "cuda/namespace.h"
#include "reference/dispatch.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A stable counting sort by expert: reference::place. Records positions. Throws Error if an expert
/// is not one of E.
Dispatch place(const Routing& routing, Index E, Trace* trace);

/// rows[r] = x[tokens[r]], times the pair's weight where weights act on the input:
/// reference::gather. Records dispatched [R,D].
Matrix gather(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& x,
              Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
