// Who goes where: (token, slot) pairs sorted by expert, then by token.
#pragma once
#include "reference/dispatch.h"

namespace moe::cpu {

/// A stable counting sort by expert: reference::place. Records positions.
Dispatch place(const Routing& routing, Index E, Trace* trace);

/// rows[r] = x[tokens[r]], times the pair's weight where weights act on the input:
/// reference::gather. Records dispatched [R,D]. cpu::sparse packs the rows straight from x instead.
Matrix gather(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& x, Trace* trace,
              int threads = 0);

}  // namespace moe::cpu
