// What Soft MoE does besides products, softmax and experts: it normalises rows and moves them about.
#include <cmath>

#include "cuda/device.cuh"
#include "cuda/device_square.cuh"
#include "cuda/kernels.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kWarps = 4;

// One warp per row.
__global__ void __launch_bounds__(32 * kWarps) l2_kernel(ConstView x, float scale, View y) {
  const Index r = blockIdx.x * Index{kWarps} + threadIdx.x / 32;
  if (r >= x.rows) return;  // whole warps; no barrier of the block follows
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto D = static_cast<int>(x.cols);
  const float* row = x.data + r * x.stride;
  const float length = __fsqrt_rn(__fadd_rn(square(row, lane, D), 1e-6F));
  for (int d = lane; d < D; d += 32)
    y.data[r * y.stride + d] = __fmul_rn(scale, __fdiv_rn(row[d], length));
}

// One warp per row; root = sqrt(D).
__global__ void __launch_bounds__(32 * kWarps)
    rms_kernel(ConstView x, float root, const float* gamma, View y) {
  const Index r = blockIdx.x * Index{kWarps} + threadIdx.x / 32;
  if (r >= x.rows) return;  // whole warps; no barrier of the block follows
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto D = static_cast<int>(x.cols);
  const float* row = x.data + r * x.stride;
  const float norm = __fsqrt_rn(square(row, lane, D));
  const float length = norm < 1e-12F ? 1e-12F : norm;
  for (int d = lane; d < D; d += 32)
    y.data[r * y.stride + d] =
        __fmul_rn(__fmul_rn(__fdiv_rn(row[d], length), root), gamma[d]);
}

constexpr int kSide = 32;
constexpr int kTransposeThreads = kSide * 8;

// 32 x 32 values; a row is one word longer, so that those of a column lie in 32 different banks.
struct Square {
  float of[kSide][kSide + 1];
};

// Group g's rows x cols values become cols x rows. A block moves 32 x 32 of them through shared memory,
// so that neighbouring threads read and write neighbouring words.
__global__ void __launch_bounds__(kTransposeThreads)
    transpose_kernel(ConstView x, int rows, int row_tiles, int column_tiles, View y) {
  Square& square = block_shared<Square>();
  const auto cols = static_cast<int>(x.cols);
  const auto tiles = static_cast<unsigned>(row_tiles * column_tiles);
  const Index g = blockIdx.x / tiles;
  const auto tile = static_cast<int>(blockIdx.x % tiles);
  const int first_row = tile / column_tiles * kSide;
  const int first_col = tile % column_tiles * kSide;
  const int tx = static_cast<int>(threadIdx.x) % kSide;
  const int ty = static_cast<int>(threadIdx.x) / kSide;
  for (int i = ty; i < kSide; i += kTransposeThreads / kSide)
    if (first_row + i < rows && first_col + tx < cols)
      square.of[i][tx] = x.data[(g * rows + first_row + i) * x.stride + first_col + tx];
  __syncthreads();  // without it: values of other warps are not there yet
  for (int i = ty; i < kSide; i += kTransposeThreads / kSide)
    if (first_col + i < cols && first_row + tx < rows)
      y.data[(g * cols + first_col + i) * y.stride + first_row + tx] = square.of[tx][i];
}

constexpr int kSwapThreads = 128;

// One block per row: row (a, b, s) of x becomes row (b, a, s) of y.
__global__ void __launch_bounds__(kSwapThreads)
    swap_kernel(ConstView x, Index A, Index B, Index S, View y) {
  const Index from = blockIdx.x;
  const Index a = from / (B * S);
  const Index b = from / S % B;
  const Index to = (b * A + a) * S + from % S;
  for (Index d = threadIdx.x; d < x.cols; d += kSwapThreads)
    y.data[to * y.stride + d] = x.data[from * x.stride + d];
}

}  // namespace

void normalise_by_l2(const ConstView& x, float scale, const View& y) {
  if (x.rows == 0) return;
  launch(l2_kernel, blocks_for(x.rows, kWarps), 32 * kWarps, 0, x, scale, y);
}

void normalise_by_rms(const ConstView& x, const float* gamma, const View& y) {
  if (x.rows == 0) return;
  const float root = std::sqrt(static_cast<float>(x.cols));  // correctly rounded, as IEEE 754 asks
  launch(rms_kernel, blocks_for(x.rows, kWarps), 32 * kWarps, 0, x, root, gamma, y);
}

void transpose(const ConstView& x, Index groups, const View& y) {
  if (x.rows == 0 || x.cols == 0) return;
  const Index rows = x.rows / groups;
  const Index row_tiles = (rows + kSide - 1) / kSide;
  const Index column_tiles = (x.cols + kSide - 1) / kSide;
  launch(transpose_kernel, blocks_for(groups * row_tiles * column_tiles, 1), kTransposeThreads, 0,
         x, static_cast<int>(rows), static_cast<int>(row_tiles), static_cast<int>(column_tiles), y);
}

void swap_groups(const ConstView& x, Index A, Index B, Index S, const View& y) {
  if (x.rows == 0) return;
  launch(swap_kernel, blocks_for(x.rows, 1), kSwapThreads, 0, x, A, B, S, y);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
