// The tier `cuda`: the kernels on a GPU.
#include "check/tier_adapter.h"
#include "reference/error.h"

#if defined(EXACTMOE_HAS_CUDA)
#include <cuda_runtime_api.h>

#include "check/tier_on_device.h"
#endif

namespace moe::check {

Tier cuda_tier() {
  Tier tier{"cuda", "built without CUDA", {}};
#if defined(EXACTMOE_HAS_CUDA)
  int devices = 0;
  const bool asked = cudaGetDeviceCount(&devices) == cudaSuccess;
  tier.skipped = asked && devices > 0 ? "" : "no CUDA device";
  tier.make = prepare_on_device;
#endif
  return tier;
}

}  // namespace moe::check
