// The function between the two products of an expert, over arrays.
#pragma once
#include "reference/layer.h"

namespace moe::cpu {

/// y[i] = f(x[i]) for 0 <= i < n: reference::nonlinearity. x and y are the same array or do not
/// overlap.
void nonlinearity(const Activation& activation, const float* x, float* y, Index n);

/// hidden[i] = f(min(gate[i], limit)) * (clamp(up[i], limit) + up_offset):
/// reference::gated_activation. `hidden` is one of the two arrays or overlaps neither.
void gated_activation(const Activation& activation, const float* gate, const float* up,
                      float* hidden, Index n);

}  // namespace moe::cpu
