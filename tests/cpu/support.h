// What the tests of the CPU tier share: numbers to run on, and bit comparison with the reference.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "reference/layer.h"
#include "reference/numerics/bits.h"
#include "reference/numerics/philox.h"
#include "reference/router.h"

namespace moe::test {

/// The sizes every grid runs over.
inline constexpr Index kSizes[] = {0, 1, 2, 3, 5, 7, 31, 33, 127};
inline constexpr int kThreads[] = {1, 2, 3, 7};

/// Draws numbers one after the other.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : stream_{seed, 0, 0} {}
  std::uint32_t word() { return numerics::random_word(stream_, next_++); }
  /// A Gaussian times `scale`; every few draws a zero of either sign, a subnormal, an exact tie of
  /// others (1, -1), or a number large or small enough for products to lose or cancel bits.
  float number(float scale) {
    const std::uint32_t kind = word() % 32;
    const float x = numerics::random_normal(stream_, next_++);
    if (kind == 0) return std::copysign(0.0F, x);
    if (kind == 1) return x * 0x1p-140F;
    if (kind == 2) return std::copysign(1.0F, x);
    if (kind == 3) return x * 0x1p-70F;
    if (kind == 4) return x * 16 * scale;
    return x * scale;
  }
  Matrix matrix(Index rows, Index cols, float scale = 1) {
    Matrix m(rows, cols);
    for (Index i = 0; i < m.size(); i++) m.data()[i] = number(scale);
    return m;
  }
  Vector vector(Index size, float scale = 1) {
    Vector v(size);
    for (Index i = 0; i < size; i++) v[i] = number(scale);
    return v;
  }

 private:
  numerics::Stream stream_;
  std::uint64_t next_ = 0;
};

/// Are two arrays equal bit for bit (any NaN equals any NaN)?
inline ::testing::AssertionResult same_bits(std::span<const float> expected,
                                            std::span<const float> found) {
  if (!(expected.size() == found.size()))
    return ::testing::AssertionFailure()
           << fmt::format("expected {} values, found {}", expected.size(), found.size());
  std::size_t differing = 0, first = 0;
  for (std::size_t i = expected.size(); i-- > 0;) {
    if (numerics::same(expected[i], found[i])) continue;
    differing++;
    first = i;
  }
  if (differing == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << fmt::format("{} of {} values differ, first [{}]: expected {:a}, found {:a}", differing,
                        expected.size(), first, expected[first], found[first]);
}

/// The same for matrices, shapes included.
inline ::testing::AssertionResult same_bits(const Matrix& expected, const Matrix& found) {
  if (!(expected.rows() == found.rows() && expected.cols() == found.cols()))
    return ::testing::AssertionFailure()
           << fmt::format("expected [{},{}], found [{},{}]", expected.rows(), expected.cols(),
                          found.rows(), found.cols());
  const auto size = static_cast<std::size_t>(expected.size());
  return same_bits(std::span(expected.data(), size), std::span(found.data(), size));
}

/// The same for vectors.
inline ::testing::AssertionResult same_bits(const Vector& expected, const Vector& found) {
  return same_bits(std::span(expected.data(), static_cast<std::size_t>(expected.size())),
                   std::span(found.data(), static_cast<std::size_t>(found.size())));
}

/// A network with or without biases; scaled so that hidden values stay near 1.
inline Ffn make_ffn(Draw& draw, Index F, Index D, bool gated, bool biased) {
  const float in = 1 / std::sqrt(static_cast<float>(D + 1));
  const float out = 1 / std::sqrt(static_cast<float>(F + 1));
  Ffn ffn;
  if (gated) ffn.gate = draw.matrix(F, D, in);
  ffn.up = draw.matrix(F, D, in);
  ffn.down = draw.matrix(D, F, out);
  if (biased && gated) ffn.gate_bias = draw.vector(F);
  if (biased) ffn.up_bias = draw.vector(F);
  if (biased) ffn.down_bias = draw.vector(D);
  return ffn;
}

/// A small layer.
inline SparseLayer make_layer(Draw& draw, Index D, Index F, Index E, Index K, bool biased = false) {
  SparseLayer layer;
  layer.router.config.chosen = K;
  layer.router.weight = draw.matrix(E, D);
  if (biased) layer.router.bias = draw.vector(E);
  for (Index e = 0; e < E; e++)
    layer.experts.ffn.push_back(make_ffn(draw, F, D, layer.experts.activation.gated, biased));
  return layer;
}

/// Distinct experts per token, from `first` on; some scores tie.
inline Routing make_routing(Draw& draw, Index T, Index E, Index K, Index first, WeightOn on) {
  Routing routing{IntMatrix(T, K), draw.matrix(T, K), draw.matrix(T, K), on};
  for (Index t = 0; t < T; t++) {
    const Index start = draw.word() % (E - first);
    for (Index k = 0; k < K; k++)
      routing.selected(t, k) = static_cast<std::int32_t>(first + (start + k) % (E - first));
  }
  return routing;
}

inline constexpr Nonlinearity kNonlinearities[] = {
    Nonlinearity::identity,  Nonlinearity::relu, Nonlinearity::relu_squared, Nonlinearity::gelu,
    Nonlinearity::gelu_tanh, Nonlinearity::silu, Nonlinearity::swish};

}  // namespace moe::test
