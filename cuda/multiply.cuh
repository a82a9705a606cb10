// The product that linear.cu and expert.cu are made of: a block of 256 threads computes 16, 64 or
// 128 rows of 128 inner products.
//
// What limits it. One output is one chain of fused multiply-adds, d ascending: no other order is
// allowed, so a sum cannot be divided among threads, and all parallelism lies between outputs. That
// costs nothing: tile size, number of threads and order of blocks cannot change a bit.
// With 128 rows a thread keeps 8 x 8 chains in registers. For each d it reads 8 + 8 numbers from
// shared memory (4 instructions of 16 bytes) and issues 64 multiply-adds, so the loop is limited by
// their issue rate: 64 of 68 instructions. 64 independent chains hide the 4 cycles that each waits
// for its predecessor.
//
// The 128 columns are two halves of 64, each with its own weights: columns n .. n+127 of one matrix,
// or columns n .. n+63 of gate and the same of up, whose results then meet in one thread and the
// activation needs no trip through memory.
#pragma once
#include "cuda/device.cuh"
#include "cuda/kernels.h"

namespace moe::MOE_CUDA_NAMESPACE {

constexpr int kThreads = 256;  // 16 x 16: thread (ty, tx) has rows ty*M .. ty*M+M-1 ...
constexpr int kHalf = 64;      // ... and columns tx*4 .. tx*4+3 of each half
constexpr int kColumns = 2 * kHalf;

// How many d's lie in shared memory at a time. Large tiles take few, because what waits to be stored
// there takes registers; small tiles take many, because they are limited by memory and keep it busy
// with what is on its way.
constexpr int depth_of_tile(int M) { return M == 8 ? 8 : M == 4 ? 16 : 32; }
constexpr int kUnrolled = 8;  // steps that are one piece of code; with more, registers run out

// Blocks that share a multiprocessor, and thereby its registers: 128 a thread are enough for 8 x 8
// chains, but not as the compiler for sm_100 arranges them.
constexpr int blocks_together(int M) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
  return M == 8 ? 1 : 2;
#else
  return M > 0 ? 2 : 0;
#endif
}

// A tile in shared memory, transposed: for each d the values of `n` rows side by side, so that a
// thread reads its own as float4. Every four d's are followed by a gap: with it, the threads of a
// warp, which store four d's of a few neighbouring rows each, hit 32 different banks.
template <int n, int kDepth>
struct alignas(16) TransposedTile {
  static constexpr int kGap = 128 / kDepth;
  float values[kDepth * n + kDepth / 4 * kGap];

  __device__ __forceinline__ float* at(int d, int row) {
    return values + d * n + d / 4 * kGap + row;
  }
  // Puts in the values of one row, d .. d+3.
  __device__ __forceinline__ void put(int d, int row, float4 v) {
    *at(d, row) = v.x;
    *at(d + 1, row) = v.y;
    *at(d + 2, row) = v.z;
    *at(d + 3, row) = v.w;
  }
};

// What a block shares: two of each, one being filled while the other is in use.
template <int M>
struct Tiles {
  TransposedTile<16 * M, depth_of_tile(M)> x[2];
  TransposedTile<kColumns, depth_of_tile(M)> w[2];
};

// The weights that half of a block's columns are multiplied with. Rows beyond the last read the last
// again, here and below: their sums are never stored.
struct Half {
  const float* w;     // its first row
  const float* bias;  // or nullptr
  int rows;
};
// The operands of one block.
struct Operands {
  const float* x;  // its first row
  int x_rows;
  Index x_stride;
  Half first, second;
  Index w_stride;
  int depth;  // D

  // By comparison and not by index: an indexed array would have to lie in memory.
  __device__ __forceinline__ Half half_of(int column) const {
    return column < kHalf ? first : second;
  }
};

__device__ __forceinline__ float4 load4(const float* p) {
  return __ldg(reinterpret_cast<const float4*>(p));
}
__device__ __forceinline__ void store4(float* p, float4 v) { *reinterpret_cast<float4*>(p) = v; }

// Everything one thread carries from d to d.
template <int M>
struct Chains {
  static_assert(M == 1 || M % 4 == 0);
  static constexpr int kRows = 16 * M;
  static constexpr int kDepth = depth_of_tile(M);
  // Who loads what: neighbouring threads have neighbouring d's of one row, four each.
  static constexpr int kQuads = kDepth / 4;
  static constexpr int kRowsAtATime = kThreads / kQuads;
  static constexpr int kLoadsX = (kRows + kRowsAtATime - 1) / kRowsAtATime;
  static constexpr int kLoadsW = kColumns / kRowsAtATime;

  float acc[M][8];  // [row][4 columns of the first half, 4 of the second]
  const float *x[kLoadsX], *w[kLoadsW];  // where this thread's loads begin
  float4 next_x[kLoadsX] = {}, next_w[kLoadsW] = {};

  __device__ __forceinline__ static int tx() { return static_cast<int>(threadIdx.x) % 16; }
  __device__ __forceinline__ static int ty() { return static_cast<int>(threadIdx.x) / 16; }
  __device__ __forceinline__ static int load_d() {
    return static_cast<int>(threadIdx.x) % kQuads * 4;
  }
  __device__ __forceinline__ static int load_row(int i) {
    return static_cast<int>(threadIdx.x) / kQuads + i * kRowsAtATime;
  }

  __device__ __forceinline__ void start(const Operands& in) {
    MOE_UNROLL
    for (int j = 0; j < 8; j++) {
      const Half half = j < 4 ? in.first : in.second;
      const int column = min(tx() * 4 + j % 4, half.rows - 1);
      const float bias = half.bias != nullptr ? __ldg(half.bias + column) : 0.0F;
      MOE_UNROLL
      for (int i = 0; i < M; i++) acc[i][j] = bias;
    }
    MOE_UNROLL
    for (int i = 0; i < kLoadsX; i++)
      x[i] = in.x + min(load_row(i), in.x_rows - 1) * in.x_stride + load_d();
    MOE_UNROLL
    for (int i = 0; i < kLoadsW; i++) {
      const Half half = in.half_of(load_row(i));
      w[i] = half.w + min(load_row(i) % kHalf, half.rows - 1) * in.w_stride + load_d();
    }
  }

  // From global memory to registers: d0 .. d0+kDepth-1 of all rows. The last values of d may be
  // beyond the matrix: not beyond its padding, if the first of four is inside.
  __device__ __forceinline__ void load(int d0, int depth) {
    if (d0 + load_d() >= depth) return;
    MOE_UNROLL
    for (int i = 0; i < kLoadsX; i++)
      if (load_row(i) < kRows) next_x[i] = load4(x[i] + d0);
    MOE_UNROLL
    for (int i = 0; i < kLoadsW; i++) next_w[i] = load4(w[i] + d0);
  }

  // From registers to shared memory. Beyond the matrix this stores what nobody reads.
  __device__ __forceinline__ void store(Tiles<M>& tiles, int buffer) {
    MOE_UNROLL
    for (int i = 0; i < kLoadsX; i++)
      if (load_row(i) < kRows) tiles.x[buffer].put(load_d(), load_row(i), next_x[i]);
    MOE_UNROLL
    for (int i = 0; i < kLoadsW; i++) tiles.w[buffer].put(load_d(), load_row(i), next_w[i]);
  }

  // One step of all chains.
  __device__ __forceinline__ void step(Tiles<M>& tiles, int buffer, int d) {
    float a[M];
    if constexpr (M == 1) {
      a[0] = *tiles.x[buffer].at(d, ty());
    } else {
      MOE_UNROLL
      for (int i = 0; i < M; i += 4) {
        const float4 v = *reinterpret_cast<const float4*>(tiles.x[buffer].at(d, ty() * M + i));
        a[i] = v.x, a[i + 1] = v.y, a[i + 2] = v.z, a[i + 3] = v.w;
      }
    }
    MOE_UNROLL
    for (int half = 0; half < 2; half++) {
      const float4 b =
          *reinterpret_cast<const float4*>(tiles.w[buffer].at(d, half * kHalf + tx() * 4));
      MOE_UNROLL
      for (int i = 0; i < M; i++) {
        acc[i][half * 4 + 0] = __fmaf_rn(a[i], b.x, acc[i][half * 4 + 0]);
        acc[i][half * 4 + 1] = __fmaf_rn(a[i], b.y, acc[i][half * 4 + 1]);
        acc[i][half * 4 + 2] = __fmaf_rn(a[i], b.z, acc[i][half * 4 + 2]);
        acc[i][half * 4 + 3] = __fmaf_rn(a[i], b.w, acc[i][half * 4 + 3]);
      }
    }
  }

  // All of it. Called by all threads of the block.
  __device__ __forceinline__ void run(const Operands& in) {
    Tiles<M>& tiles = block_shared<Tiles<M>>();
    start(in);
    const int depth = in.depth;
    load(0, depth);
    store(tiles, 0);
    __syncthreads();  // without it: steps with values that other threads have not stored yet
    int buffer = 0;
    int d0 = 0;
    for (; d0 + kDepth < depth; d0 += kDepth, buffer ^= 1) {
      load(d0 + kDepth, depth);  // on its way while the steps run
      MOE_ROLL
      for (int d = 0; d < kDepth; d += kUnrolled)
        MOE_UNROLL
        for (int i = 0; i < kUnrolled; i++) step(tiles, buffer, d + i);
      store(tiles, buffer ^ 1);
      // Without it: the next steps with values not stored yet; and the next store, into the buffer
      // of these steps, under the hands of a thread that has not finished them.
      __syncthreads();
    }
    // The last tile may be shallow. It is not padded: a product of +0 would turn a sum of -0 into +0.
    MOE_ROLL
    for (int d = 0; d < depth - d0; d++) step(tiles, buffer, d);
  }
};

}  // namespace moe::MOE_CUDA_NAMESPACE
