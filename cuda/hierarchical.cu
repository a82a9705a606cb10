// Two levels as one: the slots of each token.
#include "cuda/device.cuh"
#include "cuda/kernels.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kThreads = 256;

struct Flat {
  Levels levels;
  Index T;
  const int* outer_selected;   // [T,K1]
  const float* outer_weights;  // [T,K1]
  const int* groups;           // [T,K1]
  const InnerRouting* inner;   // [E1]
  int* selected;               // [T,K1*K2]
  float* weights;              // [T,K1*K2]
  float* chosen_scores;        // [T,K1*K2]
};

// What a group that is only second choice gives: reference/hierarchical.cpp.
__device__ __forceinline__ float weight_of_best(const Levels& levels, float score) {
  const float sum = __fadd_rn(__fadd_rn(0.0F, score), levels.epsilon);
  return levels.divided_by_sum ? __fdiv_rn(score, sum) : score;
}

// One thread per slot.
__global__ void __launch_bounds__(kThreads) flatten_kernel(Flat flat) {
  const Levels& levels = flat.levels;
  const auto K1 = static_cast<int>(levels.outer_chosen);
  const auto K2 = static_cast<int>(levels.inner_chosen);
  const Index pair = blockIdx.x * Index{kThreads} + threadIdx.x;
  if (pair >= flat.T * K1 * K2) return;
  const Index t = pair / (K1 * K2);
  const auto slot = static_cast<int>(pair % (K1 * K2));
  const int k2 = slot / K1;
  const Index outer = t * K1 + slot % K1;

  int expert = -1;
  float weight = 0, score = 0;
  if (flat.groups[outer] >= 0) {  // chosen, and found a place
    const int i = flat.outer_selected[outer];
    const InnerRouting inner = flat.inner[i];
    const float g = flat.outer_weights[outer];
    const bool best_only = levels.best_only && !(g > 0.5F);
    const Index from = t * K2 + (best_only ? 0 : k2);
    const bool used = !best_only || (k2 == 1 && !levels.no_second);
    if (used && inner.selected[from] >= 0) {
      expert = static_cast<int>(i * levels.experts_per_group) + inner.selected[from];
      const float s = inner.chosen_scores[from];
      const float h = best_only ? weight_of_best(levels, s) : inner.weights[from];
      weight = __fmul_rn(g, h);
      score = __fmul_rn(g, s);
    }
  }
  flat.selected[pair] = expert;
  flat.weights[pair] = weight;
  flat.chosen_scores[pair] = score;
}

}  // namespace

void flatten(const Levels& levels, Index T, const int* outer_selected, const float* outer_weights,
             const int* groups, const InnerRouting* inner, int* selected, float* weights,
             float* chosen_scores) {
  if (T == 0) return;
  launch(flatten_kernel, blocks_for(T * levels.outer_chosen * levels.inner_chosen, kThreads),
         kThreads, 0,
         Flat{levels, T, outer_selected, outer_weights, groups, inner, selected, weights,
              chosen_scores});
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
