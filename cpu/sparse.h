// Token choice: every token picks its K experts.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
#pragma once
#include "cpu/outline.h"
#include "cpu/routed.h"
#include "cpu/router.h"
#include "cpu/shared.h"
#include "reference/layer.h"

namespace moe::cpu {

/// A token-choice layer, packed for this tier by prepare(). Nobody changes it: any number of
/// threads may run it at once.
struct PreparedSparse {
  Outline<SparseLayer> outline;
  PreparedRouter router;
  PreparedExperts experts;
  std::optional<PreparedShared> shared;
  std::optional<PreparedLatent> latent;
};

/// Checks the layer (moe::validate) and packs its weights, once for all calls of sparse. Throws
/// Error if the layer makes no sense or this processor cannot run the tier.
PreparedSparse prepare(const SparseLayer& layer, WeightFormat format = WeightFormat::f32);

/// The layer that was packed, bit for bit.
SparseLayer unpack(const PreparedSparse& prepared);

/// One token-choice layer; x [T,D], returns y [T,D]: reference::sparse.
///   threads: how many, 0 for as many as OpenMP would use. The result does not depend on it, nor
///   on whether there is a trace: the kernels are the same, they write the stages as they go.
///   Throws Error if x makes no sense.
///   `batch` matters to layers that draw or look token ids up.
Matrix sparse(const PreparedSparse& layer, const ConstMatrix& x, Trace* trace = nullptr,
              int threads = 0, const Batch& batch = {});

}  // namespace moe::cpu
