// Dispatch, first part: who finds a place where experts take a limited number, and what weights the
// others leave behind.
#include "cuda/device.cuh"
#include "cuda/kernels.h"
#include "reference/numerics/place_in_line.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 256;

struct Line {
  Priority priority;
  int C;
  Index group;                 // tokens that share places
  const int* selected;         // [T,K]
  const float* chosen_scores;  // [T,K]
  Index T;
  int K;
};

__device__ __forceinline__ numerics::PlaceInLine place_in_line(const Line& line, Index pair) {
  const Index t = pair / line.K;
  const auto token = static_cast<std::uint32_t>(t);
  const auto slot = static_cast<std::uint32_t>(pair % line.K);
  switch (line.priority) {
    case Priority::choice:
      return numerics::by_choice(token, slot);
    case Priority::token:
      return numerics::by_token(token, slot);
    case Priority::score:
      return numerics::by_score(token, slot, line.chosen_scores[pair]);
    case Priority::confidence:
      return numerics::by_confidence(token, slot, line.chosen_scores[t * line.K]);
  }
  return {};
}

// Pairs of a group that others are compared with, 256 at a time.
struct Others {
  numerics::PlaceInLine place[kThreads];
  int expert[kThreads];
};

// One thread per pair: its rank is the number of pairs of its expert and group that go before it. A
// count, so neither the order of execution nor a sort can change it. n pairs are n * n comparisons of
// integers; a group has few thousand pairs, and the products of as many rows take far longer.
__global__ void __launch_bounds__(kThreads)
    find_places_kernel(Line line, int blocks_per_group, int* placed) {
  Others& others = block_shared<Others>();
  const Index g = blockIdx.x / static_cast<unsigned>(blocks_per_group);
  const Index first = g * line.group * line.K;
  const Index all = line.T * line.K;
  const Index last = first + line.group * line.K < all ? first + line.group * line.K : all;
  const Index pair =
      first + blockIdx.x % static_cast<unsigned>(blocks_per_group) * Index{kThreads} + threadIdx.x;
  const int expert = pair < last ? line.selected[pair] : -1;
  numerics::PlaceInLine mine{};
  if (expert >= 0) mine = place_in_line(line, pair);

  int rank = 0;
  for (Index tile = first; tile < last; tile += kThreads) {
    const Index other = tile + threadIdx.x;
    others.expert[threadIdx.x] = other < last ? line.selected[other] : -1;
    if (other < last) others.place[threadIdx.x] = place_in_line(line, other);
    __syncthreads();  // without it: pairs of other threads are not there yet
    for (int j = 0; expert >= 0 && j < kThreads; j++)
      if (others.expert[j] == expert && numerics::goes_before(others.place[j], mine)) rank++;
    __syncthreads();  // without it: the next pairs overwrite those still being compared with
  }
  if (pair < last) placed[pair] = rank < line.C ? expert : -1;
}

// One thread per token: sums over its slots have an order.
__global__ void __launch_bounds__(kThreads)
    drop_weights_kernel(Normalisation after, float epsilon, const int* positions,
                        const float* chosen_scores, Index T, int K, float* weights) {
  const Index t = blockIdx.x * Index{kThreads} + threadIdx.x;
  if (t >= T) return;
  float sum = 0;
  for (Index pair = t * K; pair < t * K + K; pair++)
    if (positions[pair] >= 0) sum = __fadd_rn(sum, chosen_scores[pair]);
  float divisor = __fadd_rn(sum, epsilon);
  if (after == Normalisation::max_sum) divisor = sum < epsilon ? epsilon : sum;
  for (Index pair = t * K; pair < t * K + K; pair++) {
    if (positions[pair] < 0)
      weights[pair] = 0;
    else if (after != Normalisation::none)
      weights[pair] = __fdiv_rn(chosen_scores[pair], divisor);
  }
}

}  // namespace

void find_places(Priority priority, Index C, Index group, const int* selected,
                 const float* chosen_scores, Index T, Index K, int* placed) {
  if (T * K == 0) return;
  const Index size = group < T ? group : T;
  const Index most = size * K;  // places that anyone could need
  const Index groups = (T + size - 1) / size;
  const Index blocks_per_group = (most + kThreads - 1) / kThreads;
  launch(find_places_kernel, blocks_for(groups * blocks_per_group, 1), kThreads, 0,
         Line{priority, static_cast<int>(C < most ? C : most), size, selected, chosen_scores, T,
              static_cast<int>(K)},
         static_cast<int>(blocks_per_group), placed);
}

void drop_weights(Normalisation after, float epsilon, const int* positions,
                  const float* chosen_scores, Index T, Index K, float* weights) {
  if (T * K == 0) return;
  launch(drop_weights_kernel, blocks_for(T, kThreads), kThreads, 0, after, epsilon, positions,
         chosen_scores, T, static_cast<int>(K), weights);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
