// How many parameters a MoE layer with weights has, and how many are used.
//
//   total    every stored number of the layer
//   active   those one token meets: the router, K experts, the shared expert
//   touched  those a batch meets: every expert that some token chose
//
// Batches touch more than tokens: with E = 64 and K = 8, 32 tokens routed
// evenly read nearly all experts, so memory traffic follows `touched`.
#pragma once
#include "reference/layer.h"

namespace moe::accounting {

/// Numbers of a layer by component.
struct Parameters {
  Index router = 0;          ///< weight [E,D], biases [E]
  Index routed_experts = 0;  ///< gate, up, down and their biases
  Index shared_experts = 0;  ///< the same, and the sigmoid gate [1,D]

  /// All of them.
  Index sum() const { return router + routed_experts + shared_experts; }
};

/// The three counts of a layer.
struct LayerParameters {
  Parameters total;    ///< what must be stored
  Parameters active;   ///< what one token uses
  Parameters touched;  ///< what a batch reads
};

/// Counts a layer with weights. `selected` [T,K] are the choices of a batch.
LayerParameters count(const SparseLayer& layer, const IntMatrix& selected);

}  // namespace moe::accounting
