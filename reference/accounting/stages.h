// Memory of activations: what each stage of a MoE layer writes, and what a
// backward pass needs of it.
#pragma once
#include <string>
#include <vector>

#include "reference/accounting/model.h"

namespace moe::accounting {

/// The sizes of one layer in one pass.
struct MoeShape {
  Index tokens = 0;         ///< T
  Index width = 0;          ///< D
  Index experts = 0;        ///< E, and Z that compute nothing
  Index chosen = 0;         ///< K
  Index hidden = 0;         ///< F
  Index rows = 0;           ///< R: T K, fewer where some drop
  Index idle_rows = 0;      ///< of these, of experts that compute nothing
  Index latent = 0;         ///< L: experts work in this width; 0: in D
  Index shared_hidden = 0;  ///< of the shared expert, 0: none
  bool gated = true;        ///< experts have a gate
  bool capacity = false;    ///< places are limited
  bool scored = true;       ///< the router has logits and scores
  bool noisy = false;       ///< training adds noise to the logits
};
/// The shape of a mixture over T tokens, dropless.
MoeShape shape_of(const Mixture& mixture, Index D, Index T);
/// The same in buffers of ceil(factor T K / E) places an expert, filled or
/// not, as programs with a capacity allocate them; experts that compute
/// nothing have no buffer.
MoeShape shape_with_capacity(const Mixture& mixture, Index D, Index T,
                             double factor);

/// One stage's array.
struct StageSize {
  std::string name;       ///< as the Trace calls it
  Index elements = 0;     ///< of the array
  Index idle = 0;         ///< of these, in idle rows: shown, never kept
  bool integer = false;   ///< 32-bit integers, not real numbers
  bool in_trace = true;   ///< the reference shows it
  bool kept = false;      ///< a backward pass needs it
};

/// Every stage in order, those between the trace's stages too.
std::vector<StageSize> layer_stages(const MoeShape& shape);

/// Bytes of the stages that the trace shows, binary32 and int32.
Index trace_bytes(const MoeShape& shape);

/// Bytes kept for the backward pass of one MoE layer: the layer's input and
/// every kept stage, reals of `value_bytes`; with recomputation the input
/// alone.
Index kept_bytes(const MoeShape& shape, Index value_bytes, bool recompute);

/// Bytes kept for the whole model and T tokens of one sequence: mixers
/// without their scores (they are computed again), networks, norms' inputs,
/// logits in binary32. With recomputation each layer keeps its input alone.
/// `factor` 0: dropless.
Index training_bytes(const Model& model, Index T, Index value_bytes,
                     bool recompute, double factor);

}  // namespace moe::accounting
