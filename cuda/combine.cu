// The weighted sum of the experts' outputs, back in token order.
#include "cuda/device.cuh"
#include "cuda/kernels.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 128;

// A gather: one block per token, a thread for every fourth column, and in it one chain per element,
// k ascending. A scatter over the rows would need float atomics, whose order nobody fixes. The loop
// is limited by memory: it reads up to K rows and writes one, 16 bytes a thread at a time. Whether a
// slot has a row is the same for a whole block.
__global__ void __launch_bounds__(kThreads)
    combine_kernel(ConstView rows, const int* positions, const float* weights, int K, View y) {
  const Index t = blockIdx.x;
  for (Index d = threadIdx.x * 4; d < y.stride; d += kThreads * 4) {
    float4 sum = make_float4(0, 0, 0, 0);
    for (int k = 0; k < K; k++) {
      const Index pair = t * K + k;
      const int position = __ldg(positions + pair);
      if (position < 0) continue;  // nobody computed it
      const float w = weights != nullptr ? __ldg(weights + pair) : 1.0F;
      const float* row = rows.data + position * rows.stride;
      const float4 v = __ldg(reinterpret_cast<const float4*>(row + d));
      sum.x = __fmaf_rn(w, v.x, sum.x);
      sum.y = __fmaf_rn(w, v.y, sum.y);
      sum.z = __fmaf_rn(w, v.z, sum.z);
      sum.w = __fmaf_rn(w, v.w, sum.w);
    }
    *reinterpret_cast<float4*>(y.data + t * y.stride + d) = sum;
  }
}

}  // namespace

void combine(const ConstView& rows, const int* positions, const float* weights, Index K,
             const View& y) {
  if (y.rows == 0) return;
  launch(combine_kernel, blocks_for(y.rows, 1), kThreads, 0, rows, positions, weights,
         static_cast<int>(K), y);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
