// How a tier's `prepare` and `sparse` become a Tier.
#pragma once
#include <utility>

#include "check/tier.h"

namespace moe::check {

/// A layer prepared by a tier, and how to run it. Run: Matrix(const Handle&, const ConstMatrix&,
/// Trace*).
template <class Handle, class Run>
class AdaptedLayer : public Prepared {
 public:
  AdaptedLayer(Handle handle, Run run) : handle_(std::move(handle)), run_(std::move(run)) {}
  Matrix run(const ConstMatrix& x, Trace* trace) const override { return run_(handle_, x, trace); }

 private:
  Handle handle_;
  Run run_;
};

/// Deduces the types above.
template <class Handle, class Run>
std::unique_ptr<Prepared> adapt(Handle handle, Run run) {
  return std::make_unique<AdaptedLayer<Handle, Run>>(std::move(handle), std::move(run));
}

/// The two CUDA tiers, each in a file of its own because their headers name another namespace.
Tier cuda_tier();
Tier cuda_emulated_tier();

}  // namespace moe::check
