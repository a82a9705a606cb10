// Soft MoE, first part: what makes tokens and slots comparable. A row's length is one chain and
// limited by its latency; rows go in parallel.
#include <cmath>

#include "cpu/parallel.h"
#include "cpu/soft.h"

namespace moe::cpu {
namespace {

constexpr Index kTogether = 16;  // rows per task

// row . row; order: d ascending, from +0.
float square(const float* row, Index D) {
  float sum = 0;
  for (Index d = 0; d < D; d++) sum = std::fma(row[d], row[d], sum);
  return sum;
}

// scale times the rows divided by sqrt(row . row + 1e-6).
Matrix by_l2(const ConstMatrix& m, float scale, int threads) {
  const Index D = m.cols();
  Matrix result(m.rows(), D);
  parallel_ranges(threads, m.rows(), kTogether, [&](Index first, Index last) {
    for (Index r = first; r < last; r++) {
      const float* row = m.data() + r * m.outerStride();
      float* to = result.data() + r * D;
      const float length = std::sqrt(square(row, D) + 1e-6F);
      for (Index d = 0; d < D; d++) to[d] = scale * (row[d] / length);
    }
  });
  return result;
}

// Rows divided by max(|row|, 1e-12), times sqrt(D), times gamma.
Matrix by_rms(const ConstMatrix& m, const Vector& gamma, int threads) {
  const Index D = m.cols();
  const float root = std::sqrt(static_cast<float>(D));
  Matrix result(m.rows(), D);
  parallel_ranges(threads, m.rows(), kTogether, [&](Index first, Index last) {
    for (Index r = first; r < last; r++) {
      const float* row = m.data() + r * m.outerStride();
      float* to = result.data() + r * D;
      const float norm = std::sqrt(square(row, D));
      const float length = norm < 1e-12F ? 1e-12F : norm;
      for (Index d = 0; d < D; d++) to[d] = row[d] / length * root * gamma[d];
    }
  });
  return result;
}

}  // namespace

Matrix normalised_tokens(const SoftLayer& layer, const ConstMatrix& x, int threads) {
  threads = thread_count(threads);
  if (layer.normalisation == SoftNormalisation::l2) return by_l2(x, 1, threads);
  if (layer.normalisation == SoftNormalisation::rms) return by_rms(x, layer.token_gamma, threads);
  return x;
}

Matrix normalised_slots(const SoftLayer& layer, int threads) {
  threads = thread_count(threads);
  if (layer.normalisation == SoftNormalisation::l2) return by_l2(layer.phi, layer.scale, threads);
  if (layer.normalisation == SoftNormalisation::rms)
    return by_rms(layer.phi, layer.slot_gamma, threads);
  return layer.phi;
}

}  // namespace moe::cpu
