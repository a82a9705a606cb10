// Router, before the scores: what it reads, and what training adds. Draws are by element, so that
// threads may take any of them.
#include <cmath>

#include "cpu/numerics/elementary.h"
#include "cpu/parallel.h"
#include "cpu/router.h"

namespace moe::cpu {
namespace {

constexpr Index kTogether = 16;  // tokens per task

// x / sqrt(x.x / D + epsilon) times the gain; order of x.x: d ascending, from +0.
void normalise(const PreparedRouter& router, float* x, Index D) {
  float squares = 0;
  for (Index d = 0; d < D; d++) squares = std::fma(x[d], x[d], squares);
  const float mean = squares / static_cast<float>(D);
  const float size = std::sqrt(mean + router.config.input_epsilon);
  for (Index d = 0; d < D; d++) x[d] = x[d] / size * router.input_gain[d];
}

bool jitters(const PreparedRouter& router, const Batch& batch, Noise kind) {
  return batch.training && router.config.noise_kind == kind;
}

// Token t's factors, drawn evenly around 1.
void jitter(const PreparedRouter& router, const Batch& batch, Index t, float* x, Index D) {
  const float low = 1 - router.config.noise;
  const float width = 2 * router.config.noise;
  const numerics::Stream draws = stream(batch, Draw::input_jitter);
  const auto first = static_cast<std::uint64_t>((batch.first + t) * D);
  for (Index d = 0; d < D; d++)
    x[d] = x[d] * (low + width * numerics::random_uniform(draws, first + std::uint64_t(d)));
}

}  // namespace

bool jitters_layer(const PreparedRouter& router, const Batch& batch) {
  return jitters(router, batch, Noise::layer_jitter);
}

Matrix layer_input(const PreparedRouter& router, const ConstMatrix& x, const Batch& batch,
                   int threads) {
  Matrix input = x;
  const Index D = x.cols();
  parallel_ranges(thread_count(threads), x.rows(), kTogether, [&](Index first, Index last) {
    for (Index t = first; t < last; t++) jitter(router, batch, t, input.data() + t * D, D);
  });
  return input;
}

bool changes_input(const PreparedRouter& router, const Batch& batch) {
  return router.input_gain.size() != 0 || jitters(router, batch, Noise::input_jitter);
}

Matrix router_input(const PreparedRouter& router, const ConstMatrix& x, const Batch& batch,
                    int threads) {
  Matrix input = x;
  const Index D = x.cols();
  parallel_ranges(thread_count(threads), x.rows(), kTogether, [&](Index first, Index last) {
    for (Index t = first; t < last; t++) {
      float* row = input.data() + t * D;
      if (router.input_gain.size() != 0) normalise(router, row, D);
      if (jitters(router, batch, Noise::input_jitter)) jitter(router, batch, t, row, D);
    }
  });
  return input;
}

bool add_noise(const PreparedRouter& router, const ConstMatrix& x, const Batch& batch,
               Matrix& logits, int threads) {
  const RouterConfig& config = router.config;
  const bool learned = config.noise_kind == Noise::learned_gaussian;
  if (!batch.training || (!learned && config.noise_kind != Noise::gaussian)) return false;

  const Index E = logits.cols();
  Matrix deviation = Matrix::Constant(learned ? 0 : 1, E, config.noise / static_cast<float>(E));
  if (learned) {
    deviation = linear(x, router.noise, threads);  // [T,E], raw
    parallel_ranges(thread_count(threads), x.rows(), kTogether, [&](Index first, Index last) {
      float* raw = deviation.data() + first * E;
      const Index size = (last - first) * E;
      softplus(raw, raw, size);
      for (Index i = 0; i < size; i++) raw[i] = raw[i] + config.noise;
    });
  }
  const numerics::Stream draws = stream(batch, Draw::logit_noise);
  parallel_ranges(thread_count(threads), x.rows(), kTogether, [&](Index first, Index last) {
    for (Index t = first; t < last; t++)
      for (Index e = 0; e < E; e++) {
        const auto element = static_cast<std::uint64_t>((batch.first + t) * E + e);
        const float n = numerics::random_normal(draws, element);
        logits(t, e) = logits(t, e) + deviation(learned ? t : 0, e) * n;
      }
  });
  return true;
}

}  // namespace moe::cpu
