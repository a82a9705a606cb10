// The square of a row, for the kernels that normalise rows.
#pragma once
#include "cuda/device.cuh"

namespace moe::MOE_CUDA_NAMESPACE::kernels {

// row . row, the same in every lane: one chain, d ascending, that all lanes run. Each loads every 32nd
// value and shows it to the others.
__device__ __forceinline__ float square(const float* row, int lane, int D) {
  float sum = 0;
  for (int first = 0; first < D; first += 32) {
    const float mine = first + lane < D ? row[first + lane] : 0.0F;
    const int count = min(D - first, 32);
    for (int i = 0; i < count; i++) {
      const float v = __shfl_sync(0xffffffff, mine, i);
      sum = __fmaf_rn(v, v, sum);
    }
  }
  return sum;
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
