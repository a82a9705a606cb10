// What a token-choice layer is: choices (Config) and weights (Layer).
// The pipeline they describe is told in reference/sparse.h.
#pragma once
#include <limits>
#include <optional>
#include <vector>

#include "reference/capacity.h"
#include "reference/router_config.h"
#include "reference/types.h"

namespace moe {

// ------------------------------------------------------------ the router

/// A router: choices and weights.
struct Router {
  RouterConfig config;    ///< the choices
  Matrix weight;          ///< [E,D], or [0,D] of a router without scores
  Vector bias;            ///< [E] added to the logits, or empty
  Vector selection_bias;  ///< [E] for SelectionKey::score_plus_bias, or empty
  /// [D] or empty: the router reads gain x / sqrt(x.x / D + epsilon) (Gemma 4;
  /// its factor D^-0.5 is part of the gain)
  Vector input_gain = {};
  Matrix noise_weight = {};   ///< [E,D] of Noise::learned_gaussian, or empty
  IntMatrix table = {};       ///< [V,K] of Choice::table, or empty
  Vector expert_scale = {};   ///< [E] weights times it, or empty (Gemma 4)
  Index unscored = 0;  ///< E of a router without scores (hash layers, THOR)
};
/// E, the experts a router chooses among.
inline Index count(const Router& router) {
  return router.weight.rows() + router.unscored;
}

// ----------------------------------------------------------- the experts

/// The function between the two products of an FFN.
enum class Nonlinearity {
  identity,
  relu,
  relu_squared,
  gelu,       ///< x Phi(x)
  gelu_tanh,  ///< the tanh approximation
  silu,
  swish,      ///< x sigmoid(slope x), in four roundings (gpt-oss)
};

/// hidden = f(gate) * (up + offset), or f(up) in a plain FFN. With a limit,
/// gate is clamped from above and up on both sides before (gpt-oss).
struct Activation {
  Nonlinearity function = Nonlinearity::silu;  ///< f
  bool gated = true;    ///< f(gate) * up, or f(up)
  /// of the clamps; infinity: no clamp
  float limit = std::numeric_limits<float>::infinity();
  float slope = 1;      ///< of swish
  float up_offset = 0;  ///< gpt-oss: 1
};

/// One feed-forward network: y = W_down hidden + b_down.
struct Ffn {
  Matrix gate;       ///< [F,D], empty in a plain FFN
  Matrix up;         ///< [F,D]
  Matrix down;       ///< [D,F]
  Vector gate_bias;  ///< [F] or empty
  Vector up_bias;    ///< [F] or empty
  Vector down_bias;  ///< [D] or empty
};

/// The routed experts: one activation, networks of one shape, and after them
/// experts that compute nothing and return what they are given (LongCat).
struct Experts {
  Activation activation;  ///< of every network
  std::vector<Ffn> ffn;   ///< [E - identities]
  Index identities = 0;   ///< the last so many of the E experts
};
/// E, networks and identities.
inline Index count(const Experts& experts) {
  return static_cast<Index>(experts.ffn.size()) + experts.identities;
}

/// Where experts work in a narrower space: rows are W_down x, and what the
/// experts give together is taken back by W_up (LatentMoE of Nemotron 3).
struct Latent {
  Matrix down;  ///< [L,D]
  Matrix up;    ///< [D,L]
};

/// How the shared expert's output and that of the routed ones become one.
enum class SharedJoin {
  added,    ///< y + s; with a gate [1,D]: y + sigmoid(gate . x) s
  blended,  ///< (1 - c) y + c s, c = sigmoid(gate . x) (MiniMax)
  weighed,  ///< p_0 y + p_1 s, p = softmax(gate x + bias) (residual MoE)
};

/// The expert every token visits: a shared expert or a parallel dense FFN.
/// Several shared experts are one of their total width.
struct Shared {
  Activation activation;  ///< of the shared expert
  Ffn ffn;                ///< its weights
  Matrix gate;            ///< [1,D], [2,D] of SharedJoin::weighed, or empty
  SharedJoin join = SharedJoin::added;  ///< with the routed experts
  Vector gate_bias = {};  ///< [2] of SharedJoin::weighed, or empty
};

// ------------------------------------------------------------- the layer

/// What to do about a NaN or an infinity in inputs or weights.
enum class NonFinite { refuse, allow };

/// A token-choice layer.
struct SparseLayer {
  Router router;                 ///< who goes where
  std::optional<Capacity> capacity;  ///< places per expert, if limited
  Experts experts;               ///< the routed experts
  std::optional<Shared> shared;  ///< what every token visits, if anything
  std::optional<Latent> latent = {};  ///< the space experts work in, if another
  bool residual = false;  ///< adds the token itself (BASE)
  NonFinite nonfinite = NonFinite::refuse;  ///< checked before computing
};

/// E, D, F, K and the shared expert's F of a layer (0: none).
struct LayerSizes {
  Index experts;        ///< E
  Index width;          ///< D
  Index hidden;         ///< F
  Index chosen;         ///< K
  Index shared_hidden;  ///< F of the shared expert
};
/// The sizes, read off the shapes of the weights.
LayerSizes sizes(const SparseLayer& layer);

/// Checks every shape and choice of the layer, and that weights are finite
/// if the layer asks for it. Throws Error naming what is wrong and where.
void validate(const SparseLayer& layer);

/// Checks that x is [T,D] for this layer, T*K fits 31 bits, and finiteness.
void validate_input(const SparseLayer& layer, const ConstMatrix& x);

}  // namespace moe
