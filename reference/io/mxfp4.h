// MXFP4 tensors: blocks of 32 codes of 4 bits under one power of two.
#pragma once
#include <vector>

#include "reference/io/array.h"

namespace moe::io {

/// Throws Error naming the array unless these are an MXFP4 tensor of `shape`:
///   blocks  U8 [..., N/32, 16], two codes a byte, the lower four bits first
///   scales  U8 [..., N/32], exponents with bias 127
/// source: OCP Microscaling formats 1.0; openai/gpt-oss torch/weights.py.
void expect_mxfp4(const Array& blocks, const Array& scales, const Shape& shape);

/// Their numbers, exactly (an overflow gives an infinity). Looks at the bytes
/// alone: 16 of the blocks for each one of the scales.
std::vector<float> decode_mxfp4(const Array& blocks, const Array& scales);

}  // namespace moe::io
