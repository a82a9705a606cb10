// A stable counting sort of (token, slot) pairs by expert: count, scan, place; pairs whose expert is -1
// take no part. A pair's row is the number of pairs before it in (expert, pair) order: a count, so no
// order of execution can change it. Atomics are used only where nothing but the total matters.
#include "cuda/device.cuh"
#include "cuda/kernels.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 256;
static_assert(kThreads == kChunk, "one thread per pair of a chunk");
constexpr int kWarps = kThreads / 32;

// counts[chunk][e] = pairs of this chunk that go to expert e. The counters lie in global memory, so
// that there may be any number of experts; they begin at 0.
__global__ void __launch_bounds__(kThreads)
    count_kernel(const int* selected, Index R, int E, int* counts) {
  const Index i = blockIdx.x * Index{kThreads} + threadIdx.x;
  if (i < R && selected[i] >= 0) atomicAdd(&counts[blockIdx.x * Index{E} + selected[i]], 1);
}

// One thread per expert: counts[chunk][e] becomes the number of pairs for e in earlier chunks, and
// totals[e] that in all of them. Neighbouring threads read neighbouring counters. The loop
// waits for memory once per chunk: about 0.3 us for 256 rows, whose products take far longer.
__global__ void __launch_bounds__(kThreads)
    scan_chunks_kernel(int* counts, int chunks, int E, int* totals) {
  const int e = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (e >= E) return;
  int sum = 0;
  for (Index c = 0; c < chunks; c++) {
    int& count = counts[c * E + e];
    const int n = count;
    count = sum;
    sum += n;
  }
  totals[e] = sum;
}

// One block: offsets[e] = rows of the experts before e, from totals, which are in offsets[0 .. E-1];
// offsets[E] = all rows. 256 experts at a time.
struct WarpTotals {
  int of[kWarps];
};
__global__ void __launch_bounds__(kThreads) scan_experts_kernel(int* offsets, int E) {
  WarpTotals& totals = block_shared<WarpTotals>();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  int before = 0;  // rows of earlier rounds
  for (int first = 0; first <= E; first += kThreads) {
    const int e = first + static_cast<int>(threadIdx.x);
    const int rows = e < E ? offsets[e] : 0;
    int inclusive = rows;  // of the warp's experts up to this one
    for (unsigned step = 1; step < 32; step *= 2) {
      const int other = __shfl_up_sync(0xffffffff, inclusive, step);
      if (lane >= static_cast<int>(step)) inclusive += other;
    }
    if (lane == 31) totals.of[warp] = inclusive;
    __syncthreads();  // without it: totals of other warps are not there yet
    int offset = before + inclusive - rows;
    for (int w = 0; w < kWarps; w++) {
      if (w < warp) offset += totals.of[w];
      before += totals.of[w];
    }
    if (e <= E) offsets[e] = offset;
    __syncthreads();  // without it: the next round's totals overwrite those still being added
  }
}

// A pair's row: the expert's first, plus its pairs in earlier chunks, plus its earlier pairs in this.
struct ChunkExperts {
  int of[kThreads];
};
__global__ void __launch_bounds__(kThreads)
    place_kernel(const int* selected, Index R, int K, int E, const int* counts, const int* offsets,
                 int* tokens, int* slots, int* positions) {
  ChunkExperts& chunk = block_shared<ChunkExperts>();
  const Index i = blockIdx.x * Index{kThreads} + threadIdx.x;
  const int e = i < R ? selected[i] : -1;
  chunk.of[threadIdx.x] = e;
  __syncthreads();  // without it: the experts of neighbours are not there yet
  if (i >= R) return;
  if (e < 0) {  // an unused slot, or no place
    positions[i] = -1;
    return;
  }
  int row = offsets[e] + counts[blockIdx.x * Index{E} + e];
  for (unsigned j = 0; j < threadIdx.x; j++) row += chunk.of[j] == e ? 1 : 0;
  tokens[row] = static_cast<int>(i / K);
  slots[row] = static_cast<int>(i % K);
  positions[i] = row;
}

constexpr int kGatherThreads = 128;

// One block per token: x[t] is read once and written to the rows of its slots, at most K.
__global__ void __launch_bounds__(kGatherThreads)
    gather_kernel(ConstView x, const int* positions, const float* weights, int K, View rows) {
  const Index t = blockIdx.x;
  for (Index d = threadIdx.x * 4; d < x.stride; d += kGatherThreads * 4) {
    const float4 v = *reinterpret_cast<const float4*>(x.data + t * x.stride + d);
    for (int k = 0; k < K; k++) {
      const Index pair = t * K + k;
      if (positions[pair] < 0) continue;
      float4 row = v;
      if (weights != nullptr) {
        const float w = weights[pair];
        row = make_float4(__fmul_rn(w, v.x), __fmul_rn(w, v.y), __fmul_rn(w, v.z),
                          __fmul_rn(w, v.w));
      }
      *reinterpret_cast<float4*>(rows.data + positions[pair] * rows.stride + d) = row;
    }
  }
}

}  // namespace

void place(const int* selected, Index T, Index K, Index E, int* counts, int* offsets, int* tokens,
           int* slots, int* positions) {
  const Index R = T * K;
  const unsigned chunks = blocks_for(R, kChunk);
  const int experts = static_cast<int>(E);
  if (R > 0) {
    clear(counts, static_cast<std::size_t>(chunks * E) * sizeof(int));
    launch(count_kernel, chunks, kThreads, 0, selected, R, experts, counts);
  }
  launch(scan_chunks_kernel, blocks_for(E, kThreads), kThreads, 0, counts,
         static_cast<int>(chunks), experts, offsets);
  launch(scan_experts_kernel, 1, kThreads, 0, offsets, experts);
  if (R > 0)
    launch(place_kernel, chunks, kThreads, 0, selected, R, static_cast<int>(K), experts, counts,
           offsets, tokens, slots, positions);
}

void gather(const ConstView& x, const int* positions, const float* weights, Index K,
            const View& rows) {
  if (x.rows == 0) return;
  launch(gather_kernel, blocks_for(x.rows, 1), kGatherThreads, 0, x, positions, weights,
         static_cast<int>(K), rows);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
