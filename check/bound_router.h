// The router's part of the error bound: from logits to the weights of the chosen experts.
#pragma once
#include <vector>

#include "check/error_arithmetic.h"

namespace moe::check {

/// softmax(z), as the contract computes it.
std::vector<Approx> softmax(const std::vector<Approx>& z);

/// Weights [K] of the experts S from the logits z [E].
std::vector<Approx> bound_weights(const RouterConfig& config, const std::vector<Approx>& z,
                                  const std::vector<Index>& S);

}  // namespace moe::check
