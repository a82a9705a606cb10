// SparseMixer: experts whose logits nearly tie. The equations are in reference/router_near_tie.cpp.
#pragma once
#include "cuda/router_token.cuh"
#include "reference/numerics/elementary.h"
#include "reference/numerics/philox.h"
#include "reference/numerics/top_k_key.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {

/// Has one of the slots before k that expert?
__device__ __forceinline__ bool is_taken(const Token& token, int k, int e) {
  bool taken = false;
  for (int j = 0; j < k; j++) taken = taken || token.S[j] == e;
  return taken;
}

/// Does logit z nearly tie with the largest, m?
__device__ __forceinline__ bool ties(const Token& token, float z, float m) {
  const float magnitude = z < 0 ? -z : z;
  const float size = magnitude > m ? magnitude : m;
  return !(__fdiv_rn(__fsub_rn(m, z), size) > __fmul_rn(2, token.config.near_tie));
}

/// Key of expert e by its logit if no slot before k has it, else less than any key.
__device__ __forceinline__ std::uint64_t key_left(const Token& token, int k, int e) {
  return is_taken(token, k, e) ? 0 : numerics::top_k_key(token.z[e], static_cast<unsigned>(e));
}

/// Draws the experts among near ties, slot after slot: all lanes look for the largest logit, then for
/// the largest with a Gumbel number added.
__device__ __forceinline__ void draw_near_ties(const Token& token) {
  for (int k = 0; k < token.K; k++) {
    const std::uint64_t best =
        largest_below(~std::uint64_t{0}, token.lane, token.E,
                      [&](int e) { return key_left(token, k, e); });
    const float m = token.z[numerics::top_k_index(best)];
    const Draws& draws = token.besides.near_tie;
    const Index first = (token.pair + k) * token.E;
    const std::uint64_t drawn = largest_below(~std::uint64_t{0}, token.lane, token.E, [&](int e) {
      const float z = token.z[e];
      if (is_taken(token, k, e) || !ties(token, z, m)) return std::uint64_t{0};
      const float g = numerics::random_gumbel(draws.stream, static_cast<std::uint64_t>(first + e));
      return numerics::top_k_key(__fadd_rn(z, g), static_cast<unsigned>(e));
    });
    if (token.lane == 0) token.S[k] = static_cast<int>(numerics::top_k_index(drawn));
    __syncwarp();  // without it: other lanes look for experts left before they see that this is taken
  }
}

/// The weight of slot k, by the one lane that has it.
__device__ __forceinline__ float near_tie_softmax(const Token& token, int k) {
  const int chosen = token.S[k];
  int b = chosen;
  if (token.besides.drawn) {
    std::uint64_t best = 0;
    for (int e = 0; e < token.E; e++) {
      const std::uint64_t key = key_left(token, k, e);
      if (key > best) best = key;
    }
    b = static_cast<int>(numerics::top_k_index(best));
  }
  const float m = token.z[b];
  float sum = 0;
  for (int e = 0; e < token.E; e++) {
    const float z = token.z[e];
    if (is_taken(token, k, e) || !ties(token, z, m)) continue;
    sum = __fadd_rn(sum, numerics::exp(__fsub_rn(z, m)));
  }
  if (chosen == b) return __fdiv_rn(1, sum);

  const float q = __fdiv_rn(numerics::exp(__fsub_rn(token.z[chosen], m)), sum);
  const float u = numerics::random_uniform(token.besides.midpoint.stream,
                                           static_cast<std::uint64_t>(token.pair + k));
  return u > 0.75F ? q : __fmul_rn(q, 1.0F / 3.0F);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
