// The format of a whole layer's weights: those of its networks. Routers, gates
// and biases are few, and binary32 always.
#pragma once
#include "reference/variants.h"
#include "reference/weight_format.h"

namespace moe {

/// The layer with the weights of its networks rounded to the format.
Layer rounded(WeightFormat format, Layer layer);

/// The format of fewest bytes that holds all weights of the layer's networks:
/// bf16, else f16, else f32.
WeightFormat narrowest(const Layer& layer);

}  // namespace moe
