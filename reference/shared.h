// The experts every token visits.
#pragma once
#include <vector>

#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::reference {

/// What is added to the routed experts' output: FFN(x), times the share that
/// the layer's gate gives it. x [T,D]; returns [T,D], recorded as shared.
///   source: DeepSeekMoE (2401.06066) 3.2, ungated; Qwen2-MoE, a sigmoid;
///   MiniMax-M1, blended; DeepSpeed-MoE (2201.05596) 4.1.1, weighed.
///   order: each gate is one chain, d ascending, from +0 or its bias; then
///   one product per element.
Matrix run_shared(const Shared& shared, const ConstMatrix& x, Trace* trace);

/// The shares of one token [2]: what the routed experts' output y and the
/// shared expert's s are multiplied by, from the gate's values z.
///   added {1, 1 or sigmoid(z)}, blended {1 - c, c}, weighed softmax(z).
std::vector<float> shares(SharedJoin join, const std::vector<float>& z);

/// Multiplies y [T,D] by what the shared expert leaves it; nothing where the
/// two are added.
void make_room(const Shared& shared, const ConstMatrix& x, Matrix& y);

}  // namespace moe::reference
