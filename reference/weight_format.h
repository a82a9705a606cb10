// How a tier may keep the weights of experts. Decoding is exact, so a stored
// weight is a binary32 number and no result depends on the format; what does
// is how many bytes are read. The reference holds the decoded numbers.
#pragma once
#include <string_view>

#include "reference/layer.h"

namespace moe {

/// binary32, bfloat16 or IEEE binary16.
enum class WeightFormat { f32, bf16, f16 };

/// f32, bf16 or f16.
std::string_view name(WeightFormat format);
/// Bytes of one weight.
Index bytes(WeightFormat format);

/// x in that format and back: the nearest number that it has, ties to even.
float rounded(WeightFormat format, float x);
/// Is x such a number itself (or NaN)?
bool holds(WeightFormat format, float x);

/// Rounds the weights of a network; its biases stay as they are.
void round_weights(WeightFormat format, Ffn& ffn);
/// Does the format hold all weights of the network, biases left out?
bool holds(WeightFormat format, const Ffn& ffn);
/// Throws Error naming the first weight that the format does not hold.
void expect_held(WeightFormat format, const Ffn& ffn);

}  // namespace moe
