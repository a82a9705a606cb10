// Balance without a loss: the selection bias follows the load.
//
// source: Wang et al. 2024 (2408.15664); DeepSeek-V3 (2412.19437) section
// 2.1.2; LongCat-Flash (2509.01322); NVIDIA Megatron-LM, quantile balancing.
#include <string>

#include "reference/error.h"
#include "reference/losses.h"
#include "reference/router.h"

namespace moe::reference {

Vector bias_update(const Vector& bias, const Counts& n, float u,
                   BiasRule rule) {
  const Index E = bias.size();
  if (static_cast<Index>(n.size()) != E || E < 1)
    throw Error("losses: bias of " + std::to_string(E) +
                " experts, counts of " + std::to_string(n.size()));
  Index sum = 0;
  for (const Index n_e : n) sum += n_e;

  Vector next(E);
  for (Index e = 0; e < E; e++) {
    const Index shortfall = sum - E * n[static_cast<std::size_t>(e)];  // * E
    const float sign = static_cast<float>((shortfall > 0) - (shortfall < 0));
    const float error = static_cast<float>(shortfall) / static_cast<float>(E);
    next[e] = bias[e] + u * (rule == BiasRule::sign ? sign : error);
  }
  return next;
}

Vector longcat_bias_update(const LongCat& sizes, const Vector& bias,
                           const Counts& n, Index tokens, float mu) {
  const Index N = sizes.real;
  const Index K = sizes.chosen;
  if (N < 1 || bias.size() < N || K < 1 || sizes.real_chosen < 1 ||
      sizes.real_chosen > K || tokens < 0 ||
      static_cast<Index>(n.size()) != bias.size())
    throw Error("losses: LongCat: bias of " + std::to_string(bias.size()) +
                " experts, " + std::to_string(N) + " of them real, counts of " +
                std::to_string(n.size()) + ", K=" + std::to_string(K));
  Vector next = bias;
  if (tokens == 0) return next;
  const float target =
      static_cast<float>(sizes.real_chosen) / static_cast<float>(K * N);
  for (Index e = 0; e < N; e++) {
    const float share = static_cast<float>(n[static_cast<std::size_t>(e)]) /
                        static_cast<float>(K * tokens);
    next[e] = bias[e] + mu * (target - share);
  }
  return next;
}

namespace {

// The n-th largest value; NaN last.
float nth_largest(const std::vector<float>& values, Index n) {
  return values[std::size_t(top_k(values, n).back())];
}

}  // namespace

Vector quantile_bias(const Vector& bias, const ConstMatrix& s, Index K) {
  const Index T = s.rows();
  const Index E = s.cols();
  if (bias.size() != E || K < 1 || K >= E || K * T % E != 0)
    throw Error("losses: quantile balancing: bias of " +
                std::to_string(bias.size()) + " experts, scores [" +
                std::to_string(T) + "," + std::to_string(E) + "], K=" +
                std::to_string(K) + ", expected K below E, and K T / E whole");
  if (T == 0) return bias;
  std::vector<float> a;  // [T] the best key that is not chosen
  for (Index t = 0; t < T; t++) {
    std::vector<float> keys;
    for (Index e = 0; e < E; e++) keys.push_back(s(t, e) + bias[e]);
    a.push_back(nth_largest(keys, K + 1));
  }
  const Index m = K * T / E;  // tokens of an expert
  Vector next(E);
  for (Index e = 0; e < E; e++) {
    std::vector<float> margins;
    for (Index t = 0; t < T; t++)
      margins.push_back(s(t, e) - a[std::size_t(t)]);
    next[e] = -nth_largest(margins, m + 1);
  }
  return next;
}

}  // namespace moe::reference
