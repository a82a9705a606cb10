// The variants on a device, for whichever of the two CUDA namespaces the including file chose.
#pragma once
#include "check/tier_adapter.h"
#include "cuda/dense.h"
#include "cuda/expert_choice.h"
#include "cuda/hierarchical.h"
#include "cuda/soft.h"
#include "cuda/sparse.h"

namespace moe::check {
namespace {  // two files include this, each for another namespace: two different things

/// Runs a layer that is on the device.
struct RunOnDevice {
  Matrix operator()(const MOE_CUDA_NAMESPACE::PreparedSparse& l, const ConstMatrix& x, Trace* trace,
                    const Batch& batch) const {
    return MOE_CUDA_NAMESPACE::sparse(l, x, trace, batch);
  }
  Matrix operator()(const MOE_CUDA_NAMESPACE::PreparedDense& l, const ConstMatrix& x, Trace* trace,
                    const Batch&) const {
    return MOE_CUDA_NAMESPACE::dense(l, x, trace);
  }
  Matrix operator()(const MOE_CUDA_NAMESPACE::PreparedExpertChoice& l, const ConstMatrix& x,
                    Trace* trace, const Batch&) const {
    return MOE_CUDA_NAMESPACE::expert_choice(l, x, trace);
  }
  Matrix operator()(const MOE_CUDA_NAMESPACE::PreparedSoft& l, const ConstMatrix& x, Trace* trace,
                    const Batch&) const {
    return MOE_CUDA_NAMESPACE::soft(l, x, trace);
  }
  Matrix operator()(const MOE_CUDA_NAMESPACE::PreparedHierarchical& l, const ConstMatrix& x,
                    Trace* trace, const Batch& batch) const {
    return MOE_CUDA_NAMESPACE::hierarchical(l, x, trace, batch);
  }
};

std::unique_ptr<Prepared> prepare_on_device(const Layer& layer, int, WeightFormat) {
  const auto copied = [](const auto& one) { return MOE_CUDA_NAMESPACE::prepare(one); };
  return adapt(layer, copied, RunOnDevice{});
}

}  // namespace
}  // namespace moe::check
