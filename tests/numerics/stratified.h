// Inputs of an elementary function that visit every sign and every exponent.
#pragma once
#include <cstdint>
#include <vector>

#include "reference/numerics/fingerprint.h"
#include "reference/numerics/functions.h"

namespace moe::numerics {

/// 2^20 inputs: 2048 fractions, hashed, for each of the 2^9 signs and exponents; for
/// normal_quantile one of every 16 cells.
inline std::vector<std::uint32_t> stratified_million(const ElementaryFunction& function) {
  std::vector<std::uint32_t> inputs(1u << 20);
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    const auto hash = static_cast<std::uint32_t>(mix(i + 1));
    const std::uint32_t binary32 = (i << 12 & 0xff800000u) | (hash & 0x7fffffu),
                        cell = i << 4 | (hash & 0xf);
    inputs[i] = function.function == Function::normal_quantile ? cell : binary32;
  }
  return inputs;
}

}  // namespace moe::numerics
