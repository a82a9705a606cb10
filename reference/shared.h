// The experts every token visits.
#pragma once
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::reference {

/// FFN(x), times sigmoid(gate . x) where the layer has such a gate.
///   x [T,D]; returns [T,D], recorded as shared.
///   source: DeepSeekMoE (2401.06066) 3.2, ungated; Qwen2-MoE, gated.
///   order: gate . x is one chain, d ascending, from +0; then one sigmoid and
///   one product per element.
Matrix run_shared(const Shared& shared, const ConstMatrix& x, Trace* trace);

}  // namespace moe::reference
