// The reference, compiled from its own sources with a number type that counts what is done to it. Knows nothing of reference/: the
// types there have another meaning inside.
#pragma once
#include <cstddef>
#include <cstdint>

namespace moe::test {

/// What was done.
struct Done {
  std::int64_t fused = 0, additions = 0, multiplications = 0, divisions = 0, roots = 0, functions = 0, draws = 0;
  std::int64_t trace_bytes = 0;  ///< of all stages that the trace saw
};

/// Runs reference/sparse.cpp on a SparseLayer of `layer_bytes` bytes, x [T,D] and a Batch of `batch_bytes` bytes, writes the output
/// [T,D].
Done run_instrumented(const void* layer, std::size_t layer_bytes, const float* x, std::int64_t T, std::int64_t D, const void* batch,
                      std::size_t batch_bytes, float* output);

}  // namespace moe::test
