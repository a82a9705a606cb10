// SparseMixer: experts whose logits nearly tie. Slot k looks at the experts
// that no earlier slot chose. Of these b is the one with the largest logit
// (of equals the first), m = z_b, and
//   M = { e : (m - z_e) / max(|z_e|, m) <= 2 near_tie }
//   q_e = exp(z_e - m) / sum over i in M of exp(z_i - m)
//
//   evaluation  S_k = b,  w_k = q_b
//   training    S_k ~ q,  w_k = q_{S_k} (S_k = b or U_k > 3/4 ? 1 : 1/3)
//
// S_k is drawn by Gumbel-max: the e of M with the largest z_e + g_e, of equals
// the first, g_e = -log(-log u_e). u_e is an odd multiple of 2^-24, both
// logarithms are correctly rounded, and the sum is one addition. 1/3 is the
// nearest binary32 number.
//   order: the sum over M is a chain of additions, e ascending, from +0.
// source: GRIN MoE (2409.12136); Hugging Face modeling_phimoe.py.
#include <cmath>

#include "reference/numerics/elementary.h"
#include "reference/numerics/top_k_key.h"
#include "reference/router.h"
#include "reference/router_choice.h"

namespace moe::reference {
namespace {

// Has one of the slots before k that expert?
bool is_taken(const std::vector<Index>& S, std::size_t k, std::size_t e) {
  for (std::size_t j = 0; j < k; j++)
    if (S[j] == static_cast<Index>(e)) return true;
  return false;
}

// Does the logit z_e nearly tie with m? A NaN gap is none.
bool ties(const RouterConfig& config, float z_e, float m) {
  const float size = std::fabs(z_e) > m ? std::fabs(z_e) : m;
  const float gap = (m - z_e) / size;
  return !(gap > 2 * config.near_tie);
}

// b of slot k.
Index largest_left(const std::vector<float>& z, const std::vector<Index>& S,
                   std::size_t k) {
  Index b = 0;
  std::uint64_t most = 0;  // below every key
  for (std::size_t e = 0; e < z.size(); e++) {
    const auto key = numerics::top_k_key(z[e], static_cast<std::uint32_t>(e));
    if (is_taken(S, k, e) || key < most) continue;
    b = static_cast<Index>(e);
    most = key;
  }
  return b;
}

}  // namespace

std::vector<Index> near_tie_choice(const RouterConfig& config,
                                   const std::vector<float>& z,
                                   const Batch& batch, Index t) {
  const auto E = static_cast<Index>(z.size());
  const numerics::Stream draws = stream(batch, Draw::near_tie);
  std::vector<Index> S;
  for (Index k = 0; k < config.chosen; k++) {
    const Index b = largest_left(z, S, S.size());
    const float m = z[std::size_t(b)];
    Index chosen = b;
    std::uint64_t most = 0;
    for (Index e = 0; e < E; e++) {
      const float z_e = z[std::size_t(e)];
      if (is_taken(S, S.size(), std::size_t(e)) || !ties(config, z_e, m))
        continue;
      const Index element = ((batch.first + t) * config.chosen + k) * E + e;
      const float g = numerics::random_gumbel(draws, std::uint64_t(element));
      const auto key =
          numerics::top_k_key(z_e + g, static_cast<std::uint32_t>(e));
      if (key < most) continue;
      chosen = e;
      most = key;
    }
    S.push_back(chosen);
  }
  return S;
}

float near_tie_softmax(const RouterConfig& config, const std::vector<float>& z,
                       const std::vector<Index>& S, std::size_t k,
                       const Batch& batch, Index t) {
  const bool drawn = draws_near_ties(config, batch);
  const Index b = drawn ? largest_left(z, S, k) : S[k];
  const float m = z[std::size_t(b)];
  float sum = 0;
  for (std::size_t e = 0; e < z.size(); e++) {
    if (is_taken(S, k, e) || !ties(config, z[e], m)) continue;
    sum = sum + numerics::exp(z[e] - m);
  }
  if (S[k] == b) return 1.0F / sum;  // exp(z_b - m) = 1

  const float q = numerics::exp(z[std::size_t(S[k])] - m) / sum;
  const Index element = (batch.first + t) * config.chosen + Index(k);
  const float U = numerics::random_uniform(stream(batch, Draw::midpoint),
                                           std::uint64_t(element));
  return U > 0.75F ? q : q * (1.0F / 3.0F);
}

}  // namespace moe::reference
