// Token choice: every token picks its K experts.
//
//   y[t] = sum over k of w[t,k] FFN_{S[t,k]}(x[t])  +  shared(x[t])
#pragma once
#include <optional>

#include "cuda/routed.h"
#include "cuda/router.h"
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A token-choice layer on the device. Immutable: any number of threads may run it at once.
class PreparedSparse {
 public:
  const PreparedRouter& router() const { return router_; }
  const PreparedExperts& experts() const { return experts_; }
  const std::optional<PreparedShared>& shared() const { return shared_; }
  const std::optional<PreparedLatent>& latent() const { return latent_; }
  /// The layer without its weights: choices and sizes, all that checking an input needs.
  const SparseLayer& outline() const { return outline_; }

 private:
  friend PreparedSparse prepare(const SparseLayer& layer);
  PreparedSparse() = default;
  PreparedRouter router_;
  PreparedExperts experts_;
  std::optional<PreparedShared> shared_;
  std::optional<PreparedLatent> latent_;
  SparseLayer outline_;
};

/// Checks the layer (moe::validate) and copies its weights to the device, once for all calls of
/// sparse. Throws Error if the layer makes no sense or there is no device.
PreparedSparse prepare(const SparseLayer& layer);

/// The layer that was copied, bit for bit.
SparseLayer unpack(const PreparedSparse& layer);

/// One token-choice layer; x [T,D], returns y [T,D]: reference::sparse.
///   Everything between x and y stays on the device; where slots may be empty (capacity, later slots),
///   the host waits once to learn how many rows there are. The result does not depend on whether there is
///   a trace: the kernels are the same, and their results are copied out on the way.
///   `batch` matters to layers that draw or look token ids up. Throws Error if x makes no sense.
Matrix sparse(const PreparedSparse& layer, const ConstMatrix& x, Trace* trace = nullptr,
              const Batch& batch = {});

}  // namespace moe::MOE_CUDA_NAMESPACE
