// The function between the two products of an expert.
#pragma once
#include "reference/layer.h"

namespace moe::reference {

/// f(x): each is the correctly rounded value of the whole function, but
/// relu_squared (one product) and swish: x * sigmoid(slope * x), every
/// operation rounded.
float nonlinearity(const Activation& activation, float x);

/// hidden = f(min(gate, limit)) * (clamp(up, limit) + up_offset)
///   The sum is taken only if there is an offset, the clamps only if there is
///   a limit. NaN passes through a clamp.
///   source: SwiGLU, Shazeer 2020 (2002.05202); clamped: gpt-oss, swiglu().
float gated_activation(const Activation& activation, float gate, float up);

}  // namespace moe::reference
