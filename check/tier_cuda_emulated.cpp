// The tier `cuda-emulated`: the same kernels on the CPU, each CUDA thread a fiber.
#include "check/tier_adapter.h"

#if defined(EXACTMOE_HAS_CUDA_EMULATED)
#define MOE_CUDA_EMULATED
#include "check/tier_on_device.h"
#endif

namespace moe::check {

Tier cuda_emulated_tier() {
  Tier tier{"cuda-emulated", "built without the emulated kernels", {}};
#if defined(EXACTMOE_HAS_CUDA_EMULATED)
  tier.skipped = "";
  tier.make = prepare_on_device;
#endif
  return tier;
}

}  // namespace moe::check
