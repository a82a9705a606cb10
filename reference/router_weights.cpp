// Router, second half: how much each chosen expert counts.
#include <cmath>

#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

std::vector<float> raw_weights(const RouterConfig& config,
                               const std::vector<float>& z,
                               const std::vector<float>& s,
                               const std::vector<Index>& S, const Batch& batch,
                               Index t) {
  std::vector<float> chosen_z;
  for (const Index e : S) chosen_z.push_back(z[std::size_t(e)]);
  if (config.raw_weight == RawWeight::softmax_of_chosen)
    return softmax(chosen_z);

  std::vector<float> w(S.size());
  for (std::size_t k = 0; k < S.size(); k++) {
    w[k] = s[std::size_t(S[k])];
    if (config.raw_weight == RawWeight::sigmoid_of_chosen)
      w[k] = numerics::sigmoid(chosen_z[k]);
    if (config.raw_weight == RawWeight::near_tie_softmax)
      w[k] = near_tie_softmax(config, z, S, k, batch, t);
    if (config.raw_weight == RawWeight::one) w[k] = 1;
  }
  return w;
}

// What the raw weights are divided by. The sum of squares is an inner
// product, hence a chain of fused multiply-adds.
float normaliser(const RouterConfig& config, const std::vector<float>& w) {
  float sum = 0;
  float squares = 0;
  for (const float w_k : w) {
    sum = sum + w_k;
    squares = std::fma(w_k, w_k, squares);
  }
  if (config.normalisation == Normalisation::l2)
    return std::sqrt(squares) + config.epsilon;
  if (config.normalisation == Normalisation::max_sum)
    return sum < config.epsilon ? config.epsilon : sum;
  return sum + config.epsilon;
}

}  // namespace

std::vector<float> weights(const RouterConfig& config,
                           const std::vector<float>& z,
                           const std::vector<float>& s,
                           const std::vector<Index>& S, const Batch& batch,
                           Index t) {
  std::vector<float> w = raw_weights(config, z, s, S, batch, t);
  if (config.normalisation != Normalisation::none) {
    const float divisor = normaliser(config, w);
    for (float& w_k : w) w_k = w_k / divisor;
  }
  for (float& w_k : w) w_k = w_k * config.scale;
  return w;
}

}  // namespace moe::reference
