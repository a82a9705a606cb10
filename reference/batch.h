// What a call says of its tokens besides their numbers: who they are, and
// where a layer that draws finds its random numbers.
#pragma once
#include <vector>

#include "reference/numerics/philox.h"
#include "reference/types.h"

namespace moe {

/// The tokens of one call. A batch that is cut in two gives the same draws if
/// the second part says where it starts.
struct Batch {
  std::vector<std::int32_t> ids = {};  ///< [T] token ids, for routers by table
  Index first = 0;         ///< number of the first token
  std::uint64_t seed = 0;  ///< of all draws, one per layer of a model
  std::uint32_t step = 0;  ///< training step: every step draws anew
  bool training = false;   ///< noise is for training only
  std::uint32_t router = 0;  ///< which of the layer's routers draws
};

/// What a random number is for. Each is an infinite array of its own.
enum class Draw : std::uint32_t {
  logit_noise = 1,  ///< element token * E + expert
  input_jitter,     ///< element token * D + column
  later_slot,       ///< element token * K + slot
  expert,           ///< element token * K + slot
  expert_of_batch,  ///< element slot
  near_tie,         ///< element (token * K + slot) * E + expert
  midpoint,         ///< element token * K + slot
};

/// The array of numbers for that purpose.
inline numerics::Stream stream(const Batch& batch, Draw draw) {
  const auto purpose = static_cast<std::uint32_t>(draw);
  return {batch.seed, purpose | batch.router << 8, batch.step};
}

}  // namespace moe
