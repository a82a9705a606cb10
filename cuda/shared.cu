// What the shared experts add to the routed ones, element by element. Their products are those of
// linear.cu and expert.cu.
#include "cuda/device.cuh"
#include "cuda/kernels.h"
#include "reference/numerics/elementary.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 128;

// One block per token. Every thread takes the same sigmoid, which is cheaper than to share it.
__global__ void __launch_bounds__(kThreads) open_kernel(ConstView z, View y) {
  const Index t = blockIdx.x;
  const float open = numerics::sigmoid(z.data[t * z.stride]);
  for (Index d = threadIdx.x; d < y.cols; d += kThreads) {
    float& value = y.data[t * y.stride + d];
    value = __fmul_rn(open, value);
  }
}

// One block per token.
__global__ void __launch_bounds__(kThreads) add_kernel(ConstView a, ConstView b, View y) {
  const Index row = blockIdx.x * y.stride;
  for (Index d = threadIdx.x; d < y.cols; d += kThreads)
    y.data[row + d] = __fadd_rn(a.data[row + d], b.data[row + d]);
}

}  // namespace

void open(const ConstView& z, const View& y) {
  if (y.rows == 0) return;
  launch(open_kernel, blocks_for(y.rows, 1), kThreads, 0, z, y);
}

void add(const ConstView& a, const ConstView& b, const View& y) {
  if (y.rows == 0) return;
  launch(add_kernel, blocks_for(y.rows, 1), kThreads, 0, a, b, y);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
