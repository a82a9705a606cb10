// SparseMixer: experts whose logits nearly tie, told in reference/router_near_tie.cpp. Few logits do,
// so there is nothing to vectorise: only members of M cost an exp or a draw.
#include <algorithm>
#include <cmath>

#include "cpu/router.h"
#include "reference/numerics/elementary.h"
#include "reference/numerics/top_k_key.h"
#include "reference/router_choice.h"

namespace moe::cpu {
namespace {

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

// Calls member(e) for every expert of M, e ascending: not in `taken`, its logit nearly m.
template <class Member>
void for_near_ties(const RouterConfig& config, std::span<const float> z,
                   std::span<const std::int32_t> taken, float m, Member member) {
  for (std::size_t e = 0; e < z.size(); e++) {
    const float size = std::fabs(z[e]) > m ? std::fabs(z[e]) : m;
    const float gap = (m - z[e]) / size;
    if (gap > 2 * config.near_tie) continue;
    if (std::ranges::find(taken, static_cast<std::int32_t>(e)) == taken.end()) member(e);
  }
}

// The expert with the largest logit of those not in `taken`.
std::int32_t largest_left(std::span<const float> z, std::span<const std::int32_t> taken) {
  std::uint64_t most = 0;  // below every key
  for (std::size_t e = 0; e < z.size(); e++) {
    const std::uint64_t key = numerics::top_k_key(z[e], static_cast<std::uint32_t>(e));
    if (key <= most) continue;
    if (std::ranges::find(taken, static_cast<std::int32_t>(e)) == taken.end()) most = key;
  }
  return static_cast<std::int32_t>(numerics::top_k_index(most));
}

}  // namespace

void near_tie_choice(const RouterConfig& config, std::span<const float> z, const Batch& batch,
                     Index t, std::span<std::int32_t> S) {
  const auto E = static_cast<Index>(z.size());
  const auto K = static_cast<Index>(S.size());
  const numerics::Stream draws = stream(batch, Draw::near_tie);
  for (Index k = 0; k < K; k++) {
    const auto taken = S.first(at(k));
    const Index first = ((batch.first + t) * K + k) * E;
    std::uint64_t most = 0;
    for_near_ties(config, z, taken, z[at(largest_left(z, taken))], [&](std::size_t e) {
      const float g = numerics::random_gumbel(draws, static_cast<std::uint64_t>(first) + e);
      most = std::max(most, numerics::top_k_key(z[e] + g, static_cast<std::uint32_t>(e)));
    });
    S[at(k)] = static_cast<std::int32_t>(numerics::top_k_index(most));
  }
}

float near_tie_softmax(const RouterConfig& config, std::span<const float> z,
                       std::span<const std::int32_t> S, std::size_t k, const Batch& batch,
                       Index t) {
  const auto taken = S.first(k);
  const bool drawn = draws_near_ties(config, batch);
  const std::int32_t b = drawn ? largest_left(z, taken) : S[k];
  const float m = z[at(b)];
  float sum = 0;
  for_near_ties(config, z, taken, m, [&](std::size_t e) { sum = sum + numerics::exp(z[e] - m); });
  if (S[k] == b) return 1.0F / sum;

  const float q = numerics::exp(z[at(S[k])] - m) / sum;
  const auto element = (batch.first + t) * config.chosen + static_cast<Index>(k);
  const float U = numerics::random_uniform(stream(batch, Draw::midpoint), std::uint64_t(element));
  return U > 0.75F ? q : q * (1.0F / 3.0F);
}

}  // namespace moe::cpu
