// Router, before the scores: what it reads, and what training adds.
#include <cmath>

#include "reference/linear.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

// RMS norm with a gain. source: Gemma 4 in MaxText (gemma4.py).
void normalise(const Router& router, Matrix& x) {
  for (Index t = 0; t < x.rows(); t++) {
    float squares = 0;
    for (Index d = 0; d < x.cols(); d++)
      squares = std::fma(x(t, d), x(t, d), squares);
    const float mean = squares / static_cast<float>(x.cols());
    const float size = std::sqrt(mean + router.config.input_epsilon);
    for (Index d = 0; d < x.cols(); d++)
      x(t, d) = x(t, d) / size * router.input_gain[d];
  }
}

// Factors drawn evenly around 1. source: Switch Transformer (2101.03961) 2.4;
// for a whole layer Phi-3.5-MoE (Hugging Face modeling_phimoe.py).
void jitter(float noise, const Batch& batch, Matrix& x) {
  const float low = 1 - noise;
  const float width = 2 * noise;
  const numerics::Stream draws = stream(batch, Draw::input_jitter);
  for (Index t = 0; t < x.rows(); t++)
    for (Index d = 0; d < x.cols(); d++) {
      const Index element = (batch.first + t) * x.cols() + d;
      const float u = numerics::random_uniform(draws, std::uint64_t(element));
      x(t, d) = x(t, d) * (low + width * u);
    }
}

}  // namespace

Matrix layer_input(const Router& router, const ConstMatrix& x,
                   const Batch& batch) {
  Matrix input = x;
  if (batch.training && router.config.noise_kind == Noise::layer_jitter)
    jitter(router.config.noise, batch, input);
  return input;
}

Matrix router_input(const Router& router, const ConstMatrix& x,
                    const Batch& batch) {
  Matrix input = x;
  if (router.input_gain.size() != 0) normalise(router, input);
  if (batch.training && router.config.noise_kind == Noise::input_jitter)
    jitter(router.config.noise, batch, input);
  return input;
}

// source: Shazeer et al. 2017 (1701.06538) eq. 4, its floor from
// tensor2tensor's expert_utils.py; V-MoE (2106.05974) section 2.
bool add_noise(const Router& router, const ConstMatrix& x, const Batch& batch,
               Matrix& logits) {
  const RouterConfig& config = router.config;
  const bool learned = config.noise_kind == Noise::learned_gaussian;
  if (!batch.training) return false;
  if (!learned && config.noise_kind != Noise::gaussian) return false;

  const Index E = logits.cols();
  Matrix raw;
  if (learned) raw = linear(x, router.noise_weight, Vector());  // [T,E]
  const numerics::Stream draws = stream(batch, Draw::logit_noise);
  for (Index t = 0; t < logits.rows(); t++)
    for (Index e = 0; e < E; e++) {
      const Index element = (batch.first + t) * E + e;
      const float n = numerics::random_normal(draws, std::uint64_t(element));
      float deviation = config.noise / static_cast<float>(E);
      if (learned) deviation = numerics::softplus(raw(t, e)) + config.noise;
      logits(t, e) = logits(t, e) + deviation * n;
    }
  return true;
}

}  // namespace moe::reference
