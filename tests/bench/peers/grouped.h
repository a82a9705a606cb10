// What every peer needs around its matrix products, the same for all of them: rows sorted by
// expert, the activation, the weighted sum.
#pragma once
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "peer.h"

namespace moe::bench {

/// g = silu(g) * u, n values; vectorised by the compiler, errors of a few units in the last place.
inline void silu_times(float* g, const float* u, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; i++) {
    const float x = std::min(std::max(-g[i], -87.0F), 88.0F);
    const float whole = __builtin_floorf(x * 1.44269504F + 0.5F);
    const float r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    const float scale = std::bit_cast<float>((static_cast<std::int32_t>(whole) + 127) << 23);
    g[i] = g[i] / (1.0F + p * scale) * u[i];
  }
}

/// The same on several threads, for peers whose products are spread over them.
inline void silu_times_on_all(float* g, const float* u, std::int64_t n) {
  constexpr std::int64_t kPiece = 16384;
#pragma omp parallel for schedule(static) if (n > 2 * kPiece)
  for (std::int64_t i = 0; i < n; i += kPiece) silu_times(g + i, u + i, std::min(kPiece, n - i));
}

/// The rows of a batch, sorted by expert, and room for what is computed from them.
struct Grouped {
  std::vector<std::int64_t> first;    ///< [E+1] rows of expert e: first[e] .. first[e+1]-1
  std::vector<std::int64_t> place;    ///< [T,K] row of each pair
  std::vector<std::int64_t> token;    ///< [R] token of each row
  std::vector<float> x, gate, up, y;  ///< [R,D], [R,F], [R,F], [R,D]

  std::int64_t rows(std::int64_t e) const { return first[e + 1] - first[e]; }

  /// Sorts and gathers.
  void gather(const PlainLayer& layer, const RoutedTokens& in) {
    const std::int64_t R = in.T * layer.K, D = layer.D;
    first.assign(layer.E + 1, 0);
    place.resize(R), token.resize(R);
    x.resize(R * D), y.resize(R * D), gate.resize(R * layer.F), up.resize(R * layer.F);
    for (std::int64_t i = 0; i < R; i++) first[in.selected[i] + 1]++;
    for (std::int64_t e = 0; e < layer.E; e++) first[e + 1] += first[e];
    std::vector<std::int64_t> next(first.begin(), first.end() - 1);
    for (std::int64_t i = 0; i < R; i++) {
      place[i] = next[in.selected[i]]++;
      token[place[i]] = i / layer.K;
    }
#pragma omp parallel for schedule(static) if (R > 64)
    for (std::int64_t r = 0; r < R; r++)
      std::memcpy(&x[r * D], in.x + token[r] * D, sizeof(float) * D);
  }

  /// y of the batch from y of the rows.
  void combine(const PlainLayer& layer, const RoutedTokens& in, float* out) const {
    const std::int64_t D = layer.D, K = layer.K;
#pragma omp parallel for schedule(static) if (in.T > 8)
    for (std::int64_t t = 0; t < in.T; t++) {
      float* to = out + t * D;
      std::memset(to, 0, sizeof(float) * D);
      for (std::int64_t k = 0; k < K; k++) {
        const float w = in.weights[t * K + k];
        const float* from = &y[place[t * K + k] * D];
        for (std::int64_t d = 0; d < D; d++) to[d] += w * from[d];
      }
    }
  }
};

}  // namespace moe::bench
