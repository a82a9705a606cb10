#include "reference/accounting/step.h"

#include <algorithm>

#include "reference/accounting/flops.h"
#include "reference/accounting/touched.h"

namespace moe::accounting {
namespace {

double real(Index n) { return static_cast<double>(n); }

// Copies of a routed expert's weight that a step reads in one layer.
double copies_read(const Weight& w, Index B, double touched) {
  if (w.of == 1) return 1;  // a latent projection: always
  if (touched >= 0) return touched;
  // Zero experts take their part of the choices.
  const double E = real(w.copies.value());
  const double K = real(w.met) * E / real(w.of);
  return expected_touched(E, K, real(B)).mean;
}

}  // namespace

StepBytes step_bytes(const Model& model, const Formats& formats, Index B,
                     Index n, const CacheOptions& options, double touched) {
  StepBytes step;
  for (const Weight& w : weights(model)) {
    const double bytes = real(copy_bytes(w, formats)) * real(w.layers);
    if (w.component == Component::routed_experts)
      step.experts += bytes * copies_read(w, B, touched);
    else if (w.role != Role::table)
      step.dense += bytes * real(w.copies.value());
  }
  step.dense +=
      real(B) * real(matrix_bytes(formats.others, 1, model.width));
  step.cache = real(B) * real(cache_read_bytes(model, n, options));
  step.state = 2 * real(B) * real(state_bytes(model, options));
  return step;
}

double step_flops(const Model& model, Index B, Index n) {
  return real(B) * real(decode_flops(model, n));
}

Bound decode_bound(const StepBytes& bytes, double flops, const Hardware& h,
                   Index devices) {
  return {.memory = bytes.sum() / (h.bandwidth * real(devices)),
          .compute = flops / (h.flops * real(devices))};
}

double summed_seconds(const Model& model, const Formats& formats, Index B,
                      Index n, double touched, const Hardware& h,
                      Index devices) {
  const double bandwidth = h.bandwidth * real(devices);
  const double peak = h.flops * real(devices);
  double sum = 0;
  for (const Weight& w : weights(model)) {
    if (w.role == Role::table) continue;
    double bytes = real(copy_bytes(w, formats)) * real(w.layers);
    bytes *= w.component == Component::routed_experts
                 ? copies_read(w, B, touched)
                 : real(w.copies.value());
    const double flops =
        w.role == Role::product ? 2 * real(B) * real(w.active()) : 0;
    sum += std::max(bytes / bandwidth, flops / peak);
  }
  const double attention =
      step_flops(model, B, n) - real(B) * real(weight_flops(model, true));
  const StepBytes bytes = step_bytes(model, formats, B, n, {}, touched);
  const double rows = real(B) * real(matrix_bytes(formats.others, 1,
                                                  model.width));
  return sum + rows / bandwidth +
         std::max((bytes.cache + bytes.state) / bandwidth, attention / peak);
}

Bound prefill_bound(const Model& model, const Formats& formats, Index S,
                    const Hardware& h, Index devices) {
  const StepBytes bytes = step_bytes(model, formats, S, 0, {});
  const double flops = real(prefill_flops(model, S, false));
  return {.memory = (bytes.dense + bytes.experts) /
                    (h.bandwidth * real(devices)),
          .compute = flops / (h.flops * real(devices))};
}

ComputeBound compute_bound_batch(const Model& model, const Hardware& h,
                                 double bytes_per_weight) {
  ComputeBound b{.dense = h.ridge() * bytes_per_weight / 2};
  for (const Layer& layer : model.layers) {
    if (!layer.mixture || b.experts > 0) continue;
    const Mixture& m = *layer.mixture;
    b.experts = b.dense * real(m.experts + m.zero_experts) / real(m.chosen);
  }
  return b;
}

double attention_intensity(const Mixer& mixer, Index element_bytes) {
  Mixer m = mixer;  // n is the number of keys seen, however few
  m.window = m.chunk = m.index_keys = m.index_heads = 0;
  const double n = 1'000'000;
  const double flops = real(mixer_flops(m, 1'000'000, true));
  double elements = real(m.kv_heads * (m.key_width + m.value_width));
  if (m.kind == MixerKind::latent)
    elements = real(m.latent_rank + m.rope_width);
  const bool grows =
      m.kind == MixerKind::attention || m.kind == MixerKind::latent;
  return grows ? flops / (n * elements * real(element_bytes)) : 0;
}

Utilisation utilisation(const Model& model, const Formats& formats, Index B,
                        Index n, double touched, double seconds,
                        const Hardware& h, Index devices) {
  const double bandwidth = seconds * h.bandwidth * real(devices);
  const double peak = seconds * h.flops * real(devices);
  const StepBytes sparse = step_bytes(model, formats, B, n, {}, touched);
  const double cache = sparse.cache + sparse.state;
  double all_weights = 0;
  double all_products = 0;
  for (const Weight& w : weights(model)) {
    if (w.role != Role::table) all_weights += real(weight_bytes(w, formats));
    if (w.role == Role::product) all_products += 2 * real(w.total());
  }
  const double attention =
      step_flops(model, B, n) - real(B) * real(weight_flops(model, true));
  return {.mbu = (all_weights + cache) / bandwidth,
          .s_mbu = sparse.sum() / bandwidth,
          .mfu = (real(B) * all_products + attention) / peak,
          .s_mfu = step_flops(model, B, n) / peak};
}

}  // namespace moe::accounting
