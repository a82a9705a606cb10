// The numbers of a case: each a function of (seed, purpose, expert, element) and of nothing else,
// so the same on every machine and in any order. Only arithmetic of the numerics contract is used:
// Philox, the normal quantile, single IEEE operations.
//
// Family exact. Tokens are -2, -1, 1 or 2; weights are -1, 0 or 1 times a power of two, the unit:
//   router 2^-k about 1/sqrt(D) · what the activation acts on 256 · up 1 · down 1/128 · biases one
//   unit of their product
// A partial sum of logits is a multiple of the unit, below 2D+1 units plus the preference.
// The activation sees n*256, |n| <= 2N+1 with N nonzero weights a row. silu, gelu, gelu_tanh and
// swish there are n*256 for n >= 0 (256 e^-256 is less than half a unit in the last place) and -0
// for n < 0 (256 e^-256 is less than half the smallest binary32 number), so they round nothing. |up
// + offset| <= 2N+2, so a partial sum of the product with `down` is an even integer, at most 2
// (2N+1) (2N+2) ceil(F/s) + 1. Weights other than those with (row + column) divisible by the stride
// s are zero, so N = ceil(D/s), and s is the smallest for which (2N+1) (2N+2) ceil(F/s) <= 2^22.
// Where weights act on the input, logits are made multiples of 32 that are not negative, so the
// weight is 1/2 or 1: the activation sees n*128, for which the above holds too, and the same sums
// count in units of 1/4 of those above: at most 2^24 of them. The clamp at 7 would bring
// sigmoid(11.9) in; it is moved to 128, where it still acts.
//
// Family wild. Channel d of the tokens has its own power of two, 2^-30 to 2^30, and so has each
// channel of the hidden values; weights have the inverse ones, so that every term of a sum counts.
// On top come zeros of both signs, subnormals, a rare weight 2^40 times too large, neighbours whose
// products cancel exactly, experts whose router rows (hence logits) are equal, and tokens scaled by
// 2^80, 2^30, 2^-110 or 2^-140.
#pragma once
#include <cstdint>

#include "check/case.h"

namespace moe::check {

/// What a number is for: the Philox purpose.
enum class Purpose : std::uint32_t {
  tokens = 0x100,
  token_scale,
  token_pair,
  channel,
  hidden_channel,
  group_order,
  expert_order,
  router,
  router_tie,
  router_bias,
  selection_bias,
  gate,
  up,
  down,
  gate_bias,
  up_bias,
  down_bias,
  shared_gate,
  input_gain,
  noise_weight,
  expert_scale,
  table,
  token_id,
  latent_down,
  latent_up,
  special = 0x200,  ///< added to the purpose of a weight: what is odd about it
};

/// The `step` of the shared expert's streams; the routed experts' is their index.
inline constexpr std::uint32_t kSharedExpert = 0xffffffffu;

/// 2^n for n from -149 to 127; n is clamped to that range.
float power_of_two(Index n);

/// Draws the values of one case.
class CaseValues {
 public:
  explicit CaseValues(const Case& c);

  /// Token t, column d.
  float token(Index t, Index d) const;
  /// Router weights [E,D], bias and selection bias [E].
  Matrix router() const;
  Vector router_bias() const;
  Vector selection_bias() const;
  /// One network, [F,D] and [D,F]; `expert` its index or kSharedExpert. Biases are drawn if
  /// `biases`.
  Ffn network(std::uint32_t expert, Index F, const Activation& activation, bool biases) const;
  /// Shared expert's gate [rows,D].
  Matrix shared_gate(Index rows = 1) const;
  /// Gain of the router's input norm [D], weights of its noise [E,D], scales of its experts [E]
  /// and the experts of token ids [kVocabulary,K].
  Vector input_gain() const;
  Matrix noise_weight() const;
  Vector expert_scale() const;
  IntMatrix table() const;
  /// The latent space of that width; `narrow` draws the experts in it.
  Latent latent(Index L, const CaseValues& narrow) const;
  /// The preset's activation, its limit moved for family exact.
  Activation activation() const;

 private:
  std::uint32_t word(Purpose purpose, std::uint32_t step, std::uint64_t element) const;
  float normal(Purpose purpose, std::uint32_t step, std::uint64_t element) const;
  bool controlled() const { return case_.route.kind != Route::Kind::uniform; }
  bool tame_column(Index d) const;
  Index channel_exponent(Index d) const;
  Index hidden_exponent(std::uint32_t expert, Index f) const;
  float preference(Index rank, bool is_avoided, float unit) const;
  float router_noise(Index e, Index d, float unit) const;
  float weight(Purpose purpose, std::uint32_t expert, Index row, Index col, Index cols) const;
  float exact_weight(Purpose purpose, std::uint32_t expert, Index row, Index col, Index cols,
                     Index every) const;
  Index router_row(Index e) const;
  float router_unit() const;
  Index stride(Index F) const;

  Case case_;
  Activation activation_;
  bool weight_on_input_;
};

}  // namespace moe::check
