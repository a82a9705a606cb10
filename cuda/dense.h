// Every expert for every token, weighted by a gate: the classic mixture.
//
//   y[t] = sum over e of g[t,e] FFN_e(x[t])  +  shared(x[t])
#pragma once
#include <optional>

#include "cuda/router.h"
#include "cuda/shared.h"
#include "reference/variants.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A dense layer on the device. Immutable: any number of threads may run it at once.
class PreparedDense {
 public:
  const PreparedRouter& gate() const { return gate_; }
  const PreparedExperts& experts() const { return experts_; }
  const std::optional<PreparedShared>& shared() const { return shared_; }
  /// The layer without its weights: choices and sizes, all that checking an input needs.
  const DenseLayer& outline() const { return outline_; }

 private:
  friend PreparedDense prepare(const DenseLayer& layer);
  PreparedDense() = default;
  PreparedRouter gate_;
  PreparedExperts experts_;
  std::optional<PreparedShared> shared_;
  DenseLayer outline_;
};

/// Checks the layer (moe::validate) and copies its weights to the device, once for all calls of
/// dense. Throws Error if the layer makes no sense or there is no device.
PreparedDense prepare(const DenseLayer& layer);

/// The layer that was copied, bit for bit.
DenseLayer unpack(const PreparedDense& layer);

/// One dense layer; x [T,D], returns y [T,D]: reference::dense. Throws Error if x makes no sense.
Matrix dense(const PreparedDense& layer, const ConstMatrix& x, Trace* trace = nullptr);

}  // namespace moe::MOE_CUDA_NAMESPACE
