// Which tokens each expert takes.
#include "cuda/device.cuh"
#include "cuda/kernels.h"
#include "reference/numerics/top_k_key.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 256;

struct Lists {
  ConstView scores;       // [T,E]
  Index group;            // tokens of a group
  int C;
  int* chosen;            // [groups*E,C]
  float* chosen_weights;  // [groups*E,C]
  int* selected;          // [T,E]
  float* weights;         // [T,E]
  float* chosen_scores;   // [T,E]
};

struct Keys {
  std::uint64_t of[kThreads];
};

// One thread per token of a group, and expert: its rank is the number of tokens with larger keys. Keys
// differ, so ranks do, and a count does not depend on the order of execution. A token writes its own
// place in the expert's list, and its slot for the expert.
__global__ void __launch_bounds__(kThreads) choose_tokens_kernel(Lists lists, int blocks_per_list) {
  Keys& keys = block_shared<Keys>();
  const Index E = lists.scores.cols;
  const Index list = blockIdx.x / static_cast<unsigned>(blocks_per_list);  // g*E + e
  const Index e = list % E;
  const Index first = list / E * lists.group;
  const float* column = lists.scores.data + first * lists.scores.stride + e;
  const Index i =
      blockIdx.x % static_cast<unsigned>(blocks_per_list) * Index{kThreads} + threadIdx.x;
  const float score = i < lists.group ? column[i * lists.scores.stride] : 0.0F;
  const std::uint64_t mine = numerics::top_k_key(score, static_cast<std::uint32_t>(i));

  int rank = 0;
  for (Index tile = 0; tile < lists.group; tile += kThreads) {
    const Index other = tile + threadIdx.x;
    std::uint64_t key = 0;  // less than any token's
    if (other < lists.group)
      key = numerics::top_k_key(column[other * lists.scores.stride],
                                static_cast<std::uint32_t>(other));
    keys.of[threadIdx.x] = key;
    __syncthreads();  // without it: keys of other threads are not there yet
    for (int j = 0; j < kThreads; j++) rank += keys.of[j] > mine ? 1 : 0;
    __syncthreads();  // without it: the next keys overwrite those still being compared with
  }
  if (i >= lists.group) return;
  const bool taken = rank < lists.C;
  if (taken) {
    lists.chosen[list * lists.C + rank] = static_cast<int>(i);
    lists.chosen_weights[list * lists.C + rank] = score;
  }
  const Index pair = (first + i) * E + e;
  lists.selected[pair] = taken ? static_cast<int>(e) : -1;
  lists.weights[pair] = taken ? score : 0.0F;
  lists.chosen_scores[pair] = score;
}

}  // namespace

void choose_tokens(const ConstView& scores, Index group, Index C, int* chosen,
                   float* chosen_weights, int* selected, float* weights, float* chosen_scores) {
  if (scores.rows == 0) return;
  const Index blocks_per_list = (group + kThreads - 1) / kThreads;
  const Index count = scores.rows / group * scores.cols;
  launch(choose_tokens_kernel, blocks_for(count * blocks_per_list, 1), kThreads, 0,
         Lists{scores, group, static_cast<int>(C), chosen, chosen_weights, selected, weights,
               chosen_scores},
         static_cast<int>(blocks_per_list));
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
