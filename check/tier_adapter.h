// How a tier's functions become a Tier.
#pragma once
#include <utility>

#include "check/tier.h"

namespace moe::check {

/// A layer prepared by a tier, and how to run it. Run: Matrix(const Handle&, const ConstMatrix&,
/// Trace*, const Batch&).
template <class Handle, class Run>
class AdaptedLayer : public Prepared {
 public:
  AdaptedLayer(Handle handle, Run run) : handle_(std::move(handle)), run_(std::move(run)) {}
  Matrix run(const ConstMatrix& x, Trace* trace, const Batch& batch) const override {
    return run_(handle_, x, trace, batch);
  }

 private:
  Handle handle_;
  Run run_;
};

/// Prepares whichever variant the layer is. `prepare` makes a handle of a variant's layer, `run`
/// computes with that handle; both have an overload for each variant.
template <class Prepare, class Run>
std::unique_ptr<Prepared> adapt(const Layer& layer, Prepare prepare, Run run) {
  return std::visit(
      [&](const auto& one) -> std::unique_ptr<Prepared> {
        auto handle = prepare(one);
        return std::make_unique<AdaptedLayer<decltype(handle), Run>>(std::move(handle), run);
      },
      layer);
}

/// The two CUDA tiers, each in a file of its own because their headers name another namespace.
Tier cuda_tier();
Tier cuda_emulated_tier();

}  // namespace moe::check
