// What is timed: a SwiGLU top-k layer of one of the shapes, and batches of tokens for it.
#pragma once
#include <string>
#include <vector>

#include "reference/layer.h"
#include "reference/router.h"
#include "tests/bench/peers/peer.h"

namespace moe::bench {

/// A layer's sizes.
struct Shape {
  std::string name;
  Index D, F, E, K;
};

/// a OLMoE, b Qwen3-30B-A3B, c Mixtral with an eighth of its hidden width, d small; t is for tests.
/// Throws Error for any other name.
Shape shape_named(const std::string& name);

/// How tokens spread over the experts.
enum class Spread {
  uniform,
  skewed,  ///< Zipf with exponent 1: the r-th expert is preferred by 1/r
};
/// uniform, skew:1.
const char* name(Spread spread);

/// The layer: expert weights by weights.h, a router that leaves the spread to the tokens.
SparseLayer make_layer(const Shape& shape);
/// Its weights as peers want them; points into the layer.
PlainLayer plain(const Shape& shape, const SparseLayer& layer);

/// Tokens, and where the layer sends them.
struct Tokens {
  Matrix x;         ///< [T,D]
  Routing routing;  ///< of all T
  Index touched;    ///< experts that got any token
};

/// `count` batches of T tokens.
std::vector<Tokens> make_batches(const Shape& shape, const SparseLayer& layer, Spread spread, Index T,
                                 int count);

/// As peers want them; points into the tokens.
RoutedTokens routed(const Tokens& tokens);

/// Operations of the routed experts: 6 D F K a token.
double flops(const Shape& shape, Index T);
/// Bytes of the expert weights that a batch touches.
double touched_bytes(const Shape& shape, const Tokens& tokens, double bytes_per_weight);

/// Largest error of y [T,D] over the first and the last token against binary64, relative to the
/// largest output of the two. NaN if y has one.
double relative_error(const Shape& shape, const SparseLayer& layer, const Tokens& tokens,
                      const Matrix& y);

}  // namespace moe::bench
