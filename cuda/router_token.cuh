// One token of a router, as the lanes of its warp see it, and what a warp finds together.
//
// Expert e is handled by lane e % 32, slot k by lane k % 32, so that any number of either is possible
// and neighbouring lanes touch neighbouring words. Sums that the contract orders are made by lane 0
// alone, one after another; the other lanes' work is comparisons and elementary functions. Shuffles
// order no memory, so what lanes write for each other is followed by a __syncwarp even where a
// shuffle lies between.
#pragma once
#include "cuda/device.cuh"
#include "cuda/kernels.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {

constexpr unsigned kAll = 0xffffffff;

/// What a kernel hands to the steps.
struct Token {
  const RouterConfig& config;
  int lane, E, K;
  const float* z;     // logits [E]
  const float* bias;  // of the selection [E], or nullptr
  float* s;           // scores [E]
  float* w;           // weights [K]
  int* S;             // chosen experts [K]
  float* judged;      // scores of the groups
  const Besides& besides;
  Index pair;         // number of the token's first slot in draws
  std::uint64_t least_group = 0;  // key of the last group that is kept
};

/// The largest key, in every lane.
__device__ __forceinline__ std::uint64_t warp_max(std::uint64_t key) {
  for (int step = 16; step > 0; step /= 2) {
    const std::uint64_t other = __shfl_xor_sync(kAll, key, step);
    if (other > key) key = other;
  }
  return key;
}
/// The largest number; NaN takes no part.
__device__ __forceinline__ float warp_max(float x) {
  for (int step = 16; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(kAll, x, step);
    if (other > x) x = other;
  }
  return x;
}

/// The largest of key(i), 0 <= i < n, that is less than `below`; the same in every lane. Keys differ,
/// so a list comes out in order by asking again below the last answer, and nothing has to be marked.
template <class Key>
__device__ __forceinline__ std::uint64_t largest_below(std::uint64_t below, int lane, int n,
                                                       Key key) {
  std::uint64_t best = 0;
  for (int i = lane; i < n; i += 32) {
    const std::uint64_t candidate = key(i);
    if (candidate < below && candidate > best) best = candidate;
  }
  return warp_max(best);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
