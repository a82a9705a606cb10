// Router, before the scores: what it reads, and what training adds. Draws are by element, so that
// threads may take any of them.
#include <cmath>

#include "cuda/device.cuh"
#include "cuda/device_square.cuh"
#include "cuda/kernels.h"
#include "reference/numerics/elementary.h"
#include "reference/numerics/philox.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;

// One warp per token. With a jitter, a factor low + width u, 0 <= u < 1, drawn for every value.
__global__ void __launch_bounds__(kThreads)
    input_kernel(const float* gain, float epsilon, float low, float width, Draws draws, ConstView x,
                 View y) {
  const Index t = blockIdx.x * Index{kWarps} + threadIdx.x / 32;
  if (t >= x.rows) return;  // whole warps; no barrier of the block follows
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto D = static_cast<int>(x.cols);
  const float* row = x.data + t * x.stride;
  float size = 1;
  if (gain != nullptr) {
    const float mean = __fdiv_rn(square(row, lane, D), static_cast<float>(D));
    size = __fsqrt_rn(__fadd_rn(mean, epsilon));
  }
  for (int d = lane; d < D; d += 32) {
    float v = row[d];
    if (gain != nullptr) v = __fmul_rn(__fdiv_rn(v, size), gain[d]);
    if (width != 0) {
      const auto element = static_cast<std::uint64_t>((draws.first + t) * D + d);
      const float u = numerics::random_uniform(draws.stream, element);
      v = __fmul_rn(v, __fadd_rn(low, __fmul_rn(width, u)));
    }
    y.data[t * y.stride + d] = v;
  }
}

// One block per token.
__global__ void __launch_bounds__(kThreads)
    noise_kernel(ConstView raw, float deviation, Draws draws, View z) {
  const Index t = blockIdx.x;
  for (Index e = threadIdx.x; e < z.cols; e += kThreads) {
    const auto element = static_cast<std::uint64_t>((draws.first + t) * z.cols + e);
    const float n = numerics::random_normal(draws.stream, element);
    float size = deviation;
    if (raw.cols != 0)
      size = __fadd_rn(numerics::softplus(raw.data[t * raw.stride + e]), deviation);
    float& value = z.data[t * z.stride + e];
    value = __fadd_rn(value, __fmul_rn(size, n));
  }
}

}  // namespace

void router_input(const float* gain, float epsilon, float jitter, const Draws& draws,
                  const ConstView& x, const View& y) {
  if (x.rows == 0) return;
  launch(input_kernel, blocks_for(x.rows, kWarps), kThreads, 0, gain, epsilon, 1 - jitter,
         2 * jitter, draws, x, y);
}

void add_noise(const ConstView& raw, float deviation, const Draws& draws, const View& z) {
  if (z.rows == 0) return;
  launch(noise_kernel, blocks_for(z.rows, 1), kThreads, 0, raw, deviation, draws, z);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
