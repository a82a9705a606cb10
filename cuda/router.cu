// Scores, choice and weights from the logits: one warp per token, all steps in one kernel.
// How lanes divide the work: cuda/router_token.cuh.
#include <cmath>

#include "cuda/router_near_tie.cuh"
#include "cuda/router_token.cuh"
#include "reference/numerics/elementary.h"
#include "reference/numerics/philox.h"
#include "reference/numerics/top_k_key.h"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

constexpr int kWarps = 4;
// Scores and weights of a token lie in shared memory if they fit, else in the results themselves.
constexpr std::size_t kSharedBytes = 48 * 1024;

struct Routing {
  RouterConfig config;
  ConstView logits;             // [T,E]
  Besides besides;
  float* group_scores;          // [T,groups]
  View scores;                  // [T,E]
  int* selected;                // [T,K]
  float* weights;               // [T,K]
  float* chosen_scores;         // [T,K]
  bool in_shared;
};

// p_i = exp(x_i - max) / (e_0 + e_1 + ...); x_i = x(i). Ends with every lane having written its own.
template <class Logit>
__device__ __forceinline__ void softmax(int lane, int n, Logit x, float* p) {
  float largest = -INFINITY;
  for (int i = lane; i < n; i += 32)
    if (x(i) > largest) largest = x(i);
  largest = warp_max(largest);
  for (int i = lane; i < n; i += 32) p[i] = numerics::exp(__fsub_rn(x(i), largest));
  __syncwarp();  // without it: lane 0 adds what other lanes have not written yet
  float sum = 0;
  for (int i = 0; lane == 0 && i < n; i++) sum = __fadd_rn(sum, p[i]);
  __syncwarp();  // without it: lanes overwrite terms that lane 0 has still to add
  sum = __shfl_sync(kAll, sum, 0);
  for (int i = lane; i < n; i += 32) p[i] = __fdiv_rn(p[i], sum);
}

__device__ __forceinline__ void score(const Token& token) {
  const Score kind = token.config.score;
  const float* z = token.z;
  if (kind == Score::softmax) {
    softmax(token.lane, token.E, [z](int e) { return z[e]; }, token.s);
    return;
  }
  for (int e = token.lane; e < token.E; e += 32) {
    float s = z[e];
    if (kind == Score::sigmoid) s = numerics::sigmoid(s);
    if (kind == Score::sqrt_softplus) s = __fsqrt_rn(numerics::softplus(s));
    token.s[e] = s;
  }
}

// Score plus bias: what the choice ranks, before groups are left out.
__device__ __forceinline__ float rank(const Token& token, int e) {
  return token.bias != nullptr ? __fadd_rn(token.s[e], token.bias[e]) : token.s[e];
}

// Scores the groups, one lane each, and finds the last that is kept.
__device__ __forceinline__ void judge_groups(Token& token) {
  const auto groups = static_cast<int>(token.config.groups.count);
  const int size = token.E / groups;
  for (int g = token.lane; g < groups; g += 32) {
    std::uint64_t best = 0, second = 0;  // keys of the two largest members
    for (int e = g * size; e < g * size + size; e++) {
      const std::uint64_t key = numerics::top_k_key(rank(token, e), static_cast<unsigned>(e));
      if (key > best) {
        second = best;
        best = key;
      } else if (key > second) {
        second = key;
      }
    }
    float score = rank(token, static_cast<int>(numerics::top_k_index(best)));
    if (token.config.groups.score == GroupScore::sum_of_top2 && size >= 2)
      score = __fadd_rn(score, rank(token, static_cast<int>(numerics::top_k_index(second))));
    token.judged[g] = score;
  }
  // Every lane asks about its own groups here, and about all groups later.
  const float* judged = token.judged;
  auto key = [judged](int g) { return numerics::top_k_key(judged[g], static_cast<unsigned>(g)); };
  token.least_group = ~std::uint64_t{0};
  for (int kept = 0; kept < token.config.groups.kept; kept++)
    token.least_group = largest_below(token.least_group, token.lane, groups, key);
  __syncwarp();  // without it: choose() reads groups that other lanes have not judged yet
}

// The K experts with the largest keys, best first.
__device__ __forceinline__ void choose(const Token& token) {
  const GroupLimit& limit = token.config.groups;
  const bool limited = limit.kept < limit.count;
  const int size = token.E / static_cast<int>(limit.count);
  auto key = [&](int e) {
    float c = rank(token, e);
    if (limited) {
      const int g = e / size;
      const auto group = numerics::top_k_key(token.judged[g], static_cast<unsigned>(g));
      if (group < token.least_group) c = limit.excluded_key;
    }
    return numerics::top_k_key(c, static_cast<unsigned>(e));
  };
  std::uint64_t last = ~std::uint64_t{0};
  for (int k = 0; k < token.K; k++) {
    last = largest_below(last, token.lane, token.E, key);
    if (token.lane == k % 32) token.S[k] = static_cast<int>(numerics::top_k_index(last));
  }
}

// Raw weights of the chosen, each lane those of its slots.
__device__ __forceinline__ void weigh(const Token& token) {
  const RawWeight kind = token.config.raw_weight;
  if (kind == RawWeight::softmax_of_chosen) {
    softmax(token.lane, token.K, [&token](int k) { return token.z[token.S[k]]; }, token.w);
    return;
  }
  for (int k = token.lane; k < token.K; k += 32) {
    const int e = token.S[k];
    token.w[k] = kind == RawWeight::sigmoid_of_chosen  ? numerics::sigmoid(token.z[e])
                 : kind == RawWeight::near_tie_softmax ? near_tie_softmax(token, k)
                 : kind == RawWeight::one              ? 1.0F
                                                       : token.s[e];
  }
}

// What the raw weights are divided by, in every lane.
__device__ __forceinline__ float normaliser(const Token& token) {
  const RouterConfig& config = token.config;
  float sum = 0, squares = 0;
  for (int k = 0; token.lane == 0 && k < token.K; k++) {
    sum = __fadd_rn(sum, token.w[k]);
    squares = __fmaf_rn(token.w[k], token.w[k], squares);
  }
  float divisor = __fadd_rn(sum, config.epsilon);
  if (config.normalisation == Normalisation::l2)
    divisor = __fadd_rn(__fsqrt_rn(squares), config.epsilon);
  if (config.normalisation == Normalisation::max_sum)
    divisor = sum < config.epsilon ? config.epsilon : sum;
  return __shfl_sync(kAll, divisor, 0);
}

// Empties the slots after the first that the config does not use: reference/router.cpp. By lane 0,
// because the scores before a slot are summed in order.
__device__ __forceinline__ void thin(const Token& token, const float* chosen_scores,
                                     float* weights) {
  const LaterSlots later = token.config.later;
  const float threshold = token.config.later_threshold;
  const numerics::Stream& draws = token.besides.later.stream;
  float mass = 0;
  for (int k = 0; token.lane == 0 && k < token.K; k++) {
    bool used = k == 0;
    if (later == LaterSlots::above_threshold) used = used || weights[k] > threshold;
    if (later == LaterSlots::until_mass) used = used || mass < threshold;
    if (later == LaterSlots::random)
      used = used || numerics::random_uniform(draws, static_cast<std::uint64_t>(token.pair + k)) <
                         __fdiv_rn(weights[k], threshold);
    mass = __fadd_rn(mass, chosen_scores[k]);
    if (used) continue;
    token.S[k] = -1;
    weights[k] = 0;
  }
}

// Six blocks on a multiprocessor: told so, the compiler for sm_100 keeps everything in registers.
__global__ void __launch_bounds__(32 * kWarps, 6) route_kernel(Routing routing) {
  const auto warp = static_cast<int>(threadIdx.x / 32);
  const Index t = blockIdx.x * Index{kWarps} + warp;
  if (t >= routing.logits.rows) return;  // whole warps; no barrier of the block follows
  const auto E = static_cast<int>(routing.logits.cols);
  const auto K = static_cast<int>(routing.config.chosen);
  float* scores = routing.scores.data + t * routing.scores.stride;
  float* weights = routing.weights + t * K;
  float* mine = routing.in_shared ? dynamic_shared<float>() + warp * (E + K) : nullptr;
  Token token{.config = routing.config,
              .lane = static_cast<int>(threadIdx.x % 32),
              .E = E,
              .K = K,
              .z = routing.logits.data + t * routing.logits.stride,
              .bias = routing.besides.selection_bias,
              .s = routing.in_shared ? mine : scores,
              .w = routing.in_shared ? mine + E : weights,
              .S = routing.selected + t * K,
              .judged = routing.group_scores + t * routing.config.groups.count,
              .besides = routing.besides,
              .pair = (routing.besides.later.first + t) * K};

  score(token);
  if (routing.besides.drawn) {
    draw_near_ties(token);
  } else if (!routing.besides.given) {
    if (token.config.groups.kept < token.config.groups.count) {
      __syncwarp();  // without it: a group is judged by scores that other lanes have not written yet
      judge_groups(token);
    }
    choose(token);
  }
  __syncwarp();  // without it: near_tie_softmax() reads choices that other lanes have not written
  float* chosen_scores = routing.chosen_scores + t * K;
  for (int k = token.lane; k < K; k += 32) chosen_scores[k] = token.s[token.S[k]];
  weigh(token);
  float divisor = 1;
  const bool divided = token.config.normalisation != Normalisation::none;
  if (divided) {
    __syncwarp();  // without it: lane 0 adds weights that other lanes have not written yet
    divisor = normaliser(token);
    __syncwarp();  // without it: lanes overwrite weights that lane 0 has still to add
  }
  const float* expert_scale = routing.besides.expert_scale;
  for (int k = token.lane; k < K; k += 32) {
    float w = divided ? __fdiv_rn(token.w[k], divisor) : token.w[k];
    w = __fmul_rn(w, token.config.scale);
    weights[k] = expert_scale != nullptr ? __fmul_rn(w, expert_scale[token.S[k]]) : w;
  }
  for (int e = token.lane; e < E; e += 32) scores[e] = token.s[e];
  if (token.config.later != LaterSlots::all) {
    __syncwarp();  // without it: lane 0 reads and empties slots that other lanes have still to write
    thin(token, chosen_scores, weights);
  }
}

// One warp per token: its scores, and every expert in the slot of its own number.
__global__ void __launch_bounds__(32 * kWarps) route_to_all_kernel(Routing routing) {
  const Index t = blockIdx.x * Index{kWarps} + threadIdx.x / 32;
  if (t >= routing.logits.rows) return;  // whole warps; no barrier of the block follows
  const auto E = static_cast<int>(routing.logits.cols);
  const Token token{.config = routing.config,
                    .lane = static_cast<int>(threadIdx.x % 32),
                    .E = E,
                    .K = E,
                    .z = routing.logits.data + t * routing.logits.stride,
                    .bias = nullptr,
                    .s = routing.scores.data + t * routing.scores.stride,
                    .w = nullptr,
                    .S = nullptr,
                    .judged = nullptr,
                    .besides = routing.besides,
                    .pair = 0};
  score(token);
  for (int e = token.lane; e < E; e += 32) {  // each lane the scores that it wrote
    routing.selected[t * E + e] = e;
    routing.weights[t * E + e] = __fmul_rn(token.s[e], routing.config.scale);
    routing.chosen_scores[t * E + e] = token.s[e];
  }
}

// One warp per row.
__global__ void __launch_bounds__(32 * kWarps) softmax_kernel(ConstView z, View p) {
  const Index row = blockIdx.x * Index{kWarps} + threadIdx.x / 32;
  if (row >= z.rows) return;  // whole warps; no barrier of the block follows
  const float* z_row = z.data + row * z.stride;
  softmax(static_cast<int>(threadIdx.x % 32), static_cast<int>(z.cols),
          [z_row](int i) { return z_row[i]; }, p.data + row * p.stride);
}

}  // namespace

void route(const RouterConfig& config, const ConstView& logits, const Besides& besides,
           float* group_scores, const View& scores, int* selected, float* weights,
           float* chosen_scores) {
  if (logits.rows == 0) return;
  const auto bytes =
      static_cast<std::size_t>(kWarps * (logits.cols + config.chosen)) * sizeof(float);
  const bool in_shared = bytes <= kSharedBytes;
  launch(route_kernel, blocks_for(logits.rows, kWarps), 32 * kWarps, in_shared ? bytes : 0,
         Routing{config, logits, besides, group_scores, scores, selected, weights, chosen_scores,
                 in_shared});
}

void route_to_all(const RouterConfig& config, const ConstView& logits, const View& scores,
                  int* selected, float* weights, float* chosen_scores) {
  if (logits.rows == 0) return;
  launch(route_to_all_kernel, blocks_for(logits.rows, kWarps), 32 * kWarps, 0,
         Routing{config, logits, {}, nullptr, scores, selected, weights, chosen_scores, false});
}

void softmax(const ConstView& z, const View& p) {
  if (z.rows == 0) return;
  launch(softmax_kernel, blocks_for(z.rows, kWarps), 32 * kWarps, 0, z, p);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
