// What the shared experts add to the routed ones, element by element. Their products are those of
// linear.cu and expert.cu.
#include <cmath>

#include "cuda/device.cuh"
#include "cuda/kernels.h"
#include "reference/numerics/elementary.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 128;

// reference::shares, one of the two: softmax(z)[part], or sigmoid(z) and what it leaves.
__device__ __forceinline__ float share_of(SharedJoin join, int part, const float* z) {
  if (join == SharedJoin::weighed) {
    float largest = -INFINITY;
    if (z[0] > largest) largest = z[0];
    if (z[1] > largest) largest = z[1];
    const float e0 = numerics::exp(__fsub_rn(z[0], largest));
    const float e1 = numerics::exp(__fsub_rn(z[1], largest));
    return __fdiv_rn(part == 0 ? e0 : e1, __fadd_rn(e0, e1));
  }
  const float open = numerics::sigmoid(z[0]);
  return part == 1 ? open : __fsub_rn(1, open);
}

// One block per token. Every thread finds the same share, which is cheaper than to hand it on.
__global__ void __launch_bounds__(kThreads)
    share_kernel(SharedJoin join, int part, ConstView z, View y) {
  const Index t = blockIdx.x;
  const float share = share_of(join, part, z.data + t * z.stride);
  for (Index d = threadIdx.x; d < y.cols; d += kThreads) {
    float& value = y.data[t * y.stride + d];
    value = __fmul_rn(share, value);
  }
}

// One block per token.
__global__ void __launch_bounds__(kThreads) add_kernel(ConstView a, ConstView b, View y) {
  const Index row = blockIdx.x * y.stride;
  for (Index d = threadIdx.x; d < y.cols; d += kThreads)
    y.data[row + d] = __fadd_rn(a.data[row + d], b.data[row + d]);
}

}  // namespace

void take_share(SharedJoin join, int part, const ConstView& z, const View& y) {
  if (y.rows == 0) return;
  launch(share_kernel, blocks_for(y.rows, 1), kThreads, 0, join, part, z, y);
}

void add(const ConstView& a, const ConstView& b, const View& y) {
  if (y.rows == 0) return;
  launch(add_kernel, blocks_for(y.rows, 1), kThreads, 0, a, b, y);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
