#include "tests/cuda/planted_bugs.h"

#include <algorithm>
#include <numeric>

#include "cuda/device.cuh"

using namespace moe::MOE_CUDA_NAMESPACE;

namespace {

constexpr unsigned N = 64;  // two warps
using Row = float[N];

// ------------------------------------------------------------------------------------- barriers

// Row r of the result is the rotated row r of the input; the shared row is used once per round.
template <bool kBefore, bool kAfter>
__global__ void rotate(const float* in, float* out, unsigned rounds) {
  Row& row = block_shared<Row>();
  const unsigned i = threadIdx.x;
  for (unsigned r = 0; r < rounds; r++) {
    row[i] = in[r * N + i];
    if (kBefore) __syncthreads();
    out[r * N + i] = row[(i + 1) % N];
    if (kAfter) __syncthreads();
  }
}
__global__ void no_syncwarp(const float* in, float* out) {
  Row& row = block_shared<Row>();
  row[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = row[threadIdx.x ^ 1];  // "a warp runs in lockstep": not since Volta
}
// The shuffle makes the lanes meet, but orders none of their writes.
__global__ void shuffle_as_barrier(const float* in, float* out) {
  Row& row = block_shared<Row>();
  row[threadIdx.x] = in[threadIdx.x];
  __shfl_sync(0xffffffff, 1.0f, 0);
  out[threadIdx.x] = row[threadIdx.x ^ 1];
}
__global__ void barrier_in_branch(float* out) {
  if (threadIdx.x < 40) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void exit_before_barrier(float* out) {
  if (threadIdx.x >= 50) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void two_barriers(float* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void lane_misses_shuffle(float* out) {
  float v = 1;
  if (threadIdx.x % 32 != 7) v = __shfl_xor_sync(0xffffffff, v, 1);
  out[threadIdx.x] = v;
}
__global__ void masks_differ(float* out) {
  out[threadIdx.x] = __shfl_xor_sync(threadIdx.x % 2 != 0 ? 0xffffffff : 0x55555555, 1.0f, 2);
}
__global__ void not_in_own_mask(float* out) {
  out[threadIdx.x] = __shfl_sync(0x0000ffff, 1.0f, 0);
}
__global__ void lanes_beyond_the_block(float* out) {
  out[threadIdx.x] = __shfl_sync(0xffffffff, 1.0f, 0);
}

// --------------------------------------------------------------------------------------- memory

__global__ void write_past_buffer(float* out) { out[threadIdx.x + 1] = 1; }
__global__ void write_before_buffer(float* out) { (out - 1)[threadIdx.x] = 1; }
__global__ void write_a_row_too_far(float* out) { out[threadIdx.x + 3 * N] = 1; }
__global__ void read_past_buffer(const float* in, float* out) {
  out[threadIdx.x] = in[threadIdx.x + 1] - in[threadIdx.x];
}
__global__ void read_unused(const float* in, float* out) {
  const volatile float* next = &in[threadIdx.x + 1];
  out[threadIdx.x] = *next > 0 ? 1.0f : 1.0f;
}
__global__ void write_past_shared(float* out) {
  float* p = block_shared<Row>();
  p[threadIdx.x + 1] = 1;
  out[threadIdx.x] = 1;
}
__global__ void shared_not_cleared(float* out) {
  int& sum = block_shared<int>();
  atomicAdd(&sum, 1);
  __syncthreads();
  out[threadIdx.x] = static_cast<float>(sum);
}
__global__ void global_not_written(float* out) {
  if (threadIdx.x % 2 != 0) out[threadIdx.x] = 1;
}
__global__ void misaligned_float4(const float* in, float* out) {
  out[threadIdx.x] = reinterpret_cast<const float4*>(in + 1)[threadIdx.x / 16].x;
}

// ------------------------------------------------------------------------------- races and order

__global__ void histogram_without_atomics(float* out) {
  int& sum = block_shared<int>();
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  sum += 1;
  __syncthreads();
  out[threadIdx.x] = static_cast<float>(sum);
}
__global__ void slot_by_atomic(int* next, float* out) {
  out[atomicAdd(next, 1)] = static_cast<float>(threadIdx.x);
}
__global__ void blocks_share_an_element(float* out) {
  if (threadIdx.x == 0) out[0] = static_cast<float>(blockIdx.x);
}
__global__ void sum_backwards(const float* in, float* out) {
  float sum = 0;
  for (unsigned i = N; i > 0; i--) sum = __fadd_rn(sum, __fdiv_rn(1, in[i - 1]));
  out[threadIdx.x] = sum;
}

// ------------------------------------------------------------------ how each is run and judged

using Values = std::vector<float>;

const Values& ones() {
  static const Values values(N, 1.0f);
  return values;
}
Values counting(std::size_t n, float first = 1) {
  Values v(n);
  std::iota(v.begin(), v.end(), first);
  return v;
}

// Runs kernel(before_out..., out) and returns what it left in `out`.
template <class... P, class... A>
Values run(void (*kernel)(P...), unsigned blocks, unsigned threads, std::size_t size, A... before) {
  Array<float> out(size);
  launch(kernel, blocks, threads, 0, before..., out.data());
  return out.to_host();
}
Values run_on_input(void (*kernel)(const float*, float*), std::size_t size = N) {
  const Array<float> in(counting(size));
  return run(kernel, 1, N, N, in.data());
}
bool gives_ones(void (*kernel)(float*), unsigned blocks = 1, unsigned threads = N) {
  return run(kernel, blocks, threads, N) == ones();
}

template <bool kBefore, bool kAfter>
bool rotates() {
  const Array<float> in(counting(std::size_t{3} * N));
  Array<float> out(std::size_t{3} * N);
  launch(rotate<kBefore, kAfter>, 1, N, 0, in.data(), out.data(), 3);
  Values expected;
  for (unsigned r = 0; r < 3; r++)
    for (unsigned i = 0; i < N; i++) expected.push_back(static_cast<float>(r * N + (i + 1) % N + 1));
  return out.to_host() == expected;
}
bool swaps_neighbours(void (*kernel)(const float*, float*)) {
  Values expected = counting(N);
  for (std::size_t i = 0; i < N; i += 2) std::swap(expected[i], expected[i + 1]);
  return run_on_input(kernel) == expected;
}
bool slots_in_order() {
  Array<int> next(std::vector<int>{0});
  return run(slot_by_atomic, 1, N, N, next.data()) == counting(N, 0);
}
bool sums_forwards() {
  float sum = 0;
  for (const float v : counting(N)) sum += 1 / v;
  return run_on_input(sum_backwards) == Values(N, sum);
}

std::vector<Bug> make_bugs() {
  const std::string waits = "waits for ever for thread";
  const std::string wrote = "a kernel wrote outside a device buffer of 256 bytes";
  return {
      {"no bug at all", rotates<true, true>, Needs::no_bug},
      {"missing barrier before reading", rotates<false, true>},
      {"missing barrier after reading", rotates<true, false>},
      {"missing __syncwarp", [] { return swaps_neighbours(no_syncwarp); }},
      {"shuffle as a barrier", [] { return swaps_neighbours(shuffle_as_barrier); }, Needs::thread},
      {"barrier in a branch", [] { return gives_ones(barrier_in_branch); }, {}, waits},
      {"exit before a barrier", [] { return gives_ones(exit_before_barrier); }, {}, "has exited"},
      {"two different barriers", [] { return gives_ones(two_barriers); }, {}, waits},
      {"lane misses a shuffle", [] { return gives_ones(lane_misses_shuffle); }, {}, "has exited"},
      {"shuffle masks differ", [] { return gives_ones(masks_differ); }, {}, waits},
      {"lane not in its own mask",
       [] { return gives_ones(not_in_own_mask); },
       {},
       "is not in its own mask"},
      {"lanes beyond the block",
       [] { return gives_ones(lanes_beyond_the_block, 1, 40); },
       {},
       "a lane beyond the block's last"},
      {"write past a device buffer", [] { return gives_ones(write_past_buffer); }, {}, wrote},
      {"write before a device buffer", [] { return gives_ones(write_before_buffer); }, {}, wrote},
      {"write a row too far", [] { return gives_ones(write_a_row_too_far); }, {}, wrote},
      {"read past a device buffer", [] { return run_on_input(read_past_buffer) == ones(); }},
      {"read past a device buffer for nothing",
       [] { return run_on_input(read_unused) == ones(); },
       Needs::address},
      {"write past shared memory",
       [] { return gives_ones(write_past_shared); },
       {},
       "a kernel wrote outside shared memory of 256 bytes"},
      {"shared memory not cleared",
       [] { return run(shared_not_cleared, 1, N, N) == Values(N, static_cast<float>(N)); }},
      {"device memory not written", [] { return gives_ones(global_not_written); }},
      {"misaligned float4",
       [] { return run_on_input(misaligned_float4, std::size_t{2} * N)[0] == 2; },
       Needs::undefined},
      {"histogram without atomics",
       [] { return run(histogram_without_atomics, 1, N, N) == Values(N, static_cast<float>(N)); },
       Needs::thread},
      {"slot given out by an atomic", slots_in_order},
      {"blocks write one element", [] { return run(blocks_share_an_element, 3, N, 1)[0] == 2; }},
      {"sum backwards", sums_forwards},
      {"no blocks",
       [] { return gives_ones(exit_before_barrier, 0); },
       {},
       "invalid launch configuration"},
  };
}

}  // namespace

const std::vector<Bug>& planted_bugs() {
  static const std::vector<Bug> bugs = make_bugs();
  return bugs;
}

std::string outcome(const Bug& bug) {
  try {
    return bug.is_right() ? "right" : "wrong bits";
  } catch (const moe::Error& error) {
    return std::string("Error: ") + error.what();
  }
}
