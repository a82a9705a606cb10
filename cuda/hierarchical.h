// Two levels: a token picks groups of experts, then experts in each of them. The equations are in
// reference/hierarchical.h.
#pragma once
#include <vector>

#include "cuda/expert.h"
#include "cuda/router.h"
#include "reference/variants.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A two-level layer on the device. Immutable: any number of threads may run it at once.
class PreparedHierarchical {
 public:
  const PreparedRouter& outer() const { return outer_; }
  const std::vector<PreparedRouter>& inner() const { return inner_; }
  const PreparedExperts& experts() const { return experts_; }
  /// The layer without its weights: choices and sizes, all that checking an input needs.
  const HierarchicalLayer& outline() const { return outline_; }

 private:
  friend PreparedHierarchical prepare(const HierarchicalLayer& layer);
  PreparedHierarchical() = default;
  PreparedRouter outer_;
  std::vector<PreparedRouter> inner_;
  PreparedExperts experts_;
  HierarchicalLayer outline_;
};

/// Checks the layer (moe::validate) and copies its weights to the device, once for all calls of
/// hierarchical. Throws Error if the layer makes no sense or there is no device.
PreparedHierarchical prepare(const HierarchicalLayer& layer);

/// The layer that was copied, bit for bit.
HierarchicalLayer unpack(const PreparedHierarchical& layer);

/// One two-level layer; x [T,D], returns y [T,D]: reference::hierarchical. Throws Error if x makes no
/// sense.
Matrix hierarchical(const PreparedHierarchical& layer, const ConstMatrix& x,
                    Trace* trace = nullptr, const Batch& batch = {});

}  // namespace moe::MOE_CUDA_NAMESPACE
