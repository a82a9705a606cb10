// What a sequence leaves behind: keys and values that grow with it, and
// states that do not.
#pragma once
#include "reference/accounting/model.h"

namespace moe::accounting {

/// How a cache is kept.
struct CacheOptions {
  Index element_bytes = 2;      ///< of keys, values and latents
  Index state_bytes = 4;        ///< of recurrent states
  Index convolution_bytes = 2;  ///< of the convolutions' inputs
  Index page = 1;               ///< tokens are rounded up to pages of this
  Index tensor_ranks = 1;       ///< tensor parallelism: heads of one rank
};

/// Bytes of a sequence.
struct Cache {
  Index per_token = 0;           ///< of layers that keep every token
  Index per_windowed_token = 0;  ///< of layers with windows or chunks
  Index state = 0;               ///< once a sequence
};

/// The bytes that do not depend on the length.
Cache cache(const Model& model, const CacheOptions& options);

/// Bytes of one sequence of n tokens. Cross-attention keeps the encoder's
/// tokens: n of them, too.
Index cache_bytes(const Model& model, Index n, const CacheOptions& options);

/// The part of cache_bytes that one decode step reads: everything kept, or
/// the keys that a sparse-attention indexer leaves.
Index cache_read_bytes(const Model& model, Index n,
                       const CacheOptions& options);

/// Bytes of all recurrent states of one sequence.
Index state_bytes(const Model& model, const CacheOptions& options);

}  // namespace moe::accounting
