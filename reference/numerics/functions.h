// The elementary functions as data: for listing, testing and proving them.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "reference/numerics/elementary.h"

namespace moe::numerics {

/// One elementary function.
struct ElementaryFunction {
  Function function;         ///< its number
  std::string_view name;     ///< as in `moe list`
  std::string_view formula;  ///< what it is, in x
  /// Number of inputs: 2^32, or 2^24 for normal_quantile.
  std::uint64_t inputs;
  /// The reference's value at an input, as `numerics::evaluate`.
  float (*evaluate)(std::uint32_t input);
  /// Sum of `checksum_term` over all inputs. A build, a machine or a port
  /// conforms if its sum is this one.
  std::uint64_t checksum;
};

/// All of them, in the order of `Function`.
const std::array<ElementaryFunction, kFunctions>& elementary_functions();

/// The function of that name, or nullptr.
const ElementaryFunction* find_function(std::string_view name);

}  // namespace moe::numerics
