// The experts every token visits.
#pragma once
#include "cuda/expert.h"
#include "reference/trace.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// The shared expert on the device. Immutable; copies share the weights.
struct PreparedShared {
  PreparedExperts ffn;  ///< one
  PreparedLinear gate;  ///< [1,D] or [2,D]; empty where there is no gate
  SharedJoin join = SharedJoin::added;
};

/// Copies the shared expert to the device.
PreparedShared prepare(const Shared& shared);
/// The shared expert that was copied, bit for bit.
Shared unpack(const PreparedShared& shared);

/// FFN(x), times the share that the layer's gate gives it: reference::run_shared.
///   x [T,D]; returns [T,D], recorded as shared.
Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
