#include "check/case_values.h"

#include <cmath>

#include "reference/numerics/elementary.h"
#include "reference/numerics/philox.h"
#include "reference/presets.h"

namespace moe::check {
namespace {

// Streams of purposes that belong to no expert.
constexpr std::uint32_t kNoExpert = 0;
// Columns that carry the route in family wild: the preference, and tame noise.
constexpr Index kTameColumns = 4;

Index divided_up(Index a, Index b) {
  return (a + b - 1) / b;
}

// -1, 0 or 1.
float sign_or_zero(std::uint32_t word) {
  return static_cast<float>(word % 3) - 1.0F;
}

// A subnormal number of either sign, with that many bits at most.
float subnormal(std::uint32_t word, std::uint32_t mask) {
  return numerics::from_bits(word & (0x80000000u | mask));
}

}  // namespace

float power_of_two(Index n) {
  n = n < -149 ? -149 : n > 127 ? 127 : n;
  const bool normal = n >= -126;
  return numerics::from_bits(normal ? static_cast<std::uint32_t>(n + 127) << 23
                                    : std::uint32_t{1} << (n + 149));
}

CaseValues::CaseValues(const Case& c)
    : case_(c),
      activation_(preset(c.preset).activation),
      weight_on_input_(preset(c.preset).router.weight_on == WeightOn::input) {
  validate(c);
  if (c.family == Family::exact && std::isfinite(activation_.limit)) activation_.limit = 128;
}

Activation CaseValues::activation() const {
  return activation_;
}

std::uint32_t CaseValues::word(Purpose purpose, std::uint32_t step, std::uint64_t element) const {
  return numerics::random_word({case_.seed, static_cast<std::uint32_t>(purpose), step}, element);
}

float CaseValues::normal(Purpose purpose, std::uint32_t step, std::uint64_t element) const {
  return numerics::normal_quantile(word(purpose, step, element) >> 8);
}

bool CaseValues::tame_column(Index d) const {
  return case_.family == Family::wild && controlled() && d < kTameColumns;
}

Index CaseValues::channel_exponent(Index d) const {
  if (case_.family != Family::wild || tame_column(d)) return 0;
  return static_cast<Index>(word(Purpose::channel, kNoExpert, std::uint64_t(d)) % 61) - 30;
}

Index CaseValues::hidden_exponent(std::uint32_t expert, Index f) const {
  // Behind a clamp all hidden values have one size.
  if (case_.family != Family::wild || std::isfinite(activation_.limit)) return 0;
  return static_cast<Index>(word(Purpose::hidden_channel, expert, std::uint64_t(f)) % 61) - 30;
}

float CaseValues::token(Index t, Index d) const {
  const auto element = static_cast<std::uint64_t>(t * case_.D + d);
  const bool exact = case_.family == Family::exact;
  const std::uint32_t drawn = word(Purpose::tokens, kNoExpert, element);
  const bool carries_route = d == 0 && (controlled() || (exact && weight_on_input_));
  if (carries_route) {  // the constant that the router's preference multiplies
    if (case_.D > 1) return 1;
    return exact ? 1.0F + static_cast<float>(drawn % 2)
                 : 1.0F + static_cast<float>(drawn >> 9) * 0x1p-23F;
  }
  if (exact) return static_cast<float>(std::int32_t(drawn % 2) + 1) * (drawn & 2 ? -1.0F : 1.0F);
  const float x = normal(Purpose::tokens, kNoExpert, element);
  if (case_.family == Family::normal || tame_column(d)) return x;

  const Index own = channel_exponent(d);
  const bool paired =
      d % 2 == 1 && !tame_column(d - 1) && word(Purpose::token_pair, kNoExpert, element) % 8 == 0;
  const float value = paired ? normal(Purpose::tokens, kNoExpert, element - 1) : x;
  Index scale = 0;
  switch (word(Purpose::token_scale, kNoExpert, std::uint64_t(t)) % 32) {
    case 0:
      scale = 80;
      break;
    case 1:
      scale = 30;
      break;
    case 2:
    case 3:
      scale = -110;
      break;
    case 4:
      scale = -140;
      break;
  }
  return value * power_of_two(own + scale);
}

// The router's unit in family exact: the power of two just below 1/sqrt(D), or one.
float CaseValues::router_unit() const {
  Index k = 0;
  while ((Index{1} << (2 * k)) < case_.D) k++;
  return power_of_two(-k);
}

float CaseValues::preference(Index rank, bool is_avoided, float unit) const {
  float liking = 0;
  float noise = 0;  // what the other columns can add at most
  if (case_.family == Family::exact) noise = 4.0F * static_cast<float>(case_.D) * unit;
  switch (case_.route.kind) {
    case Route::Kind::uniform:
      break;
    case Route::Kind::skew:
      liking =
          -static_cast<float>(case_.route.exponent) * numerics::log(static_cast<float>(rank + 1));
      break;
    case Route::Kind::one:
      liking = rank < case_.K ? 2.0F : -30.0F - noise;
      break;
    case Route::Kind::empty:
      liking = is_avoided ? -30.0F - noise : 0.0F;
      break;
  }
  return liking;
}

// The expert whose router row e copies: tied logits.
Index CaseValues::router_row(Index e) const {
  if (case_.family != Family::wild || controlled()) return e;
  while (e > 0 && word(Purpose::router_tie, kNoExpert, std::uint64_t(e)) % 4 == 0) e--;
  return e;
}

float CaseValues::router_noise(Index e, Index d, float unit) const {
  const auto element = static_cast<std::uint64_t>(e * case_.D + d);
  const std::uint32_t drawn = word(Purpose::router, kNoExpert, element);
  if (case_.family == Family::exact) return sign_or_zero(drawn) * unit;
  const bool strong =
      case_.route.kind == Route::Kind::one || case_.route.kind == Route::Kind::empty;
  const float gain = strong ? 0.5F : 1.25F;
  const float size = gain * numerics::rsqrt(static_cast<float>(case_.D));
  if (case_.family == Family::normal) return normal(Purpose::router, kNoExpert, element) * size;
  if (!controlled()) return weight(Purpose::router, kNoExpert, router_row(e), d, case_.D);
  if (tame_column(d)) return normal(Purpose::router, kNoExpert, element) * gain * 0.5F;
  return subnormal(drawn, 0x3ff);
}

Matrix CaseValues::router() const {
  const Index E = case_.E;
  const Index D = case_.D;
  const std::vector<Index> order = by_preference(case_);
  const std::vector<bool> is_avoided = avoided(case_);
  const bool exact = case_.family == Family::exact;
  const bool multiples_of_32 = exact && weight_on_input_;
  const float natural = exact ? router_unit() : 1.0F;
  const float unit = multiples_of_32 ? 32.0F : natural;

  std::vector<float> liking(std::size_t(E), 0.0F);
  float least = 0;
  for (Index rank = 0; rank < E; rank++) {
    const auto e = std::size_t(order[std::size_t(rank)]);
    float p = preference(rank, is_avoided[e], natural);
    if (exact) p = std::nearbyint(p / natural) * unit;
    liking[e] = p;
    if (p < least) least = p;
  }
  const float base = multiples_of_32 ? 2.0F * static_cast<float>(D) * unit - least : 0.0F;

  Matrix weights(E, D);
  for (Index e = 0; e < E; e++)
    for (Index d = 0; d < D; d++) {
      const bool carries_route = d == 0 && (controlled() || multiples_of_32);
      weights(e, d) = carries_route ? liking[std::size_t(e)] + base : router_noise(e, d, unit);
    }
  return weights;
}

Vector CaseValues::router_bias() const {
  Vector bias(case_.E);
  for (Index e = 0; e < case_.E; e++) {
    const auto element = static_cast<std::uint64_t>(router_row(e));
    bias[e] = case_.family == Family::exact
                  ? sign_or_zero(word(Purpose::router_bias, kNoExpert, element)) * router_unit()
                  : normal(Purpose::router_bias, kNoExpert, element) * 0.25F;
  }
  return bias;
}

Vector CaseValues::selection_bias() const {
  // Softmax scores of experts that are not preferred are as small as one likes: any bias would
  // overrule the route.
  if (controlled() && preset(case_.preset).router.score == Score::softmax)
    return Vector::Zero(case_.E);
  Vector bias(case_.E);
  for (Index e = 0; e < case_.E; e++) {
    const auto element = static_cast<std::uint64_t>(router_row(e));
    bias[e] = case_.family == Family::exact
                  ? sign_or_zero(word(Purpose::selection_bias, kNoExpert, element)) * 0x1p-6F
                  : normal(Purpose::selection_bias, kNoExpert, element) * 0.02F;
  }
  return bias;
}

Index CaseValues::stride(Index F) const {
  constexpr double most = 1 << 22;
  Index s = 1;
  for (;; s++) {
    const auto N = static_cast<double>(divided_up(case_.D, s));
    const auto rows = static_cast<double>(divided_up(F, s));
    if ((2 * N + 1) * (2 * N + 2) * rows <= most) return s;
  }
}

float CaseValues::exact_weight(Purpose purpose, std::uint32_t expert, Index row, Index col,
                               Index cols, Index every) const {
  if ((row + col) % every != 0) return 0;
  const auto element = static_cast<std::uint64_t>(row * cols + col);
  const float unit = purpose == Purpose::down                           ? 0x1p-7F
                     : (purpose == Purpose::gate || !activation_.gated) ? 256.0F
                                                                        : 1.0F;
  return sign_or_zero(word(purpose, expert, element)) * unit;
}

float CaseValues::weight(Purpose purpose, std::uint32_t expert, Index row, Index col,
                         Index cols) const {
  const auto element = static_cast<std::uint64_t>(row * cols + col);
  const bool limited = std::isfinite(activation_.limit);
  const bool inner = purpose == Purpose::gate || purpose == Purpose::up;
  float size = numerics::rsqrt(static_cast<float>(cols));
  if (limited && inner) size = size * 4;  // so that the clamps act
  const float value = normal(purpose, expert, element) * size;
  if (case_.family == Family::normal) return value;

  const auto kind = Purpose(std::uint32_t(purpose) + std::uint32_t(Purpose::special));
  const std::uint32_t odd = word(kind, expert, element);
  const std::uint32_t choice = odd % 64;
  if (choice == 0) return -0.0F;
  if (choice == 1) return 0.0F;
  if (choice == 2) return subnormal(odd, 0x7fff00);
  Index exponent = choice == 3 && odd / 64 % 16 == 0 ? 40 : 0;
  if (purpose == Purpose::down) {
    exponent -= hidden_exponent(expert, col);
  } else {
    const bool cancels = choice >= 4 && choice < 12 && col % 2 == 1;
    if (cancels)
      return -weight(purpose, expert, row, col - 1, cols) *
             power_of_two(channel_exponent(col - 1) - channel_exponent(col));
    exponent -= channel_exponent(col);
  }
  if (purpose == Purpose::up) exponent += hidden_exponent(expert, row);
  return value * power_of_two(exponent);
}

Ffn CaseValues::network(std::uint32_t expert, Index F, const Activation& activation,
                        bool biases) const {
  const Index D = case_.D;
  const bool exact = case_.family == Family::exact;
  const Index every = stride(F);
  const auto draw = [&](Purpose purpose, Index rows, Index cols) {
    Matrix m(rows, cols);
    for (Index r = 0; r < rows; r++)
      for (Index c = 0; c < cols; c++)
        m(r, c) = exact ? exact_weight(purpose, expert, r, c, cols, every)
                        : weight(purpose, expert, r, c, cols);
    return m;
  };
  const auto draw_bias = [&](Purpose purpose, Index rows, float unit) {
    Vector v(rows);
    for (Index r = 0; r < rows; r++) {
      const auto element = static_cast<std::uint64_t>(r);
      v[r] = exact ? sign_or_zero(word(purpose, expert, element)) * unit
                   : normal(purpose, expert, element) * 0.1F;
    }
    return v;
  };
  Ffn ffn;
  if (activation.gated) ffn.gate = draw(Purpose::gate, F, D);
  ffn.up = draw(Purpose::up, F, D);
  ffn.down = draw(Purpose::down, D, F);
  if (biases) {
    if (activation.gated) ffn.gate_bias = draw_bias(Purpose::gate_bias, F, 256);
    ffn.up_bias = draw_bias(Purpose::up_bias, F, activation.gated ? 1 : 256);
    ffn.down_bias = draw_bias(Purpose::down_bias, D, 1);
  }
  return ffn;
}

Matrix CaseValues::shared_gate(Index rows) const {
  Matrix gate(rows, case_.D);
  for (Index r = 0; r < rows; r++)
    for (Index d = 0; d < case_.D; d++) {
      const auto element = static_cast<std::uint64_t>(r * case_.D + d);
      gate(r, d) = case_.family == Family::exact
                       ? sign_or_zero(word(Purpose::shared_gate, kSharedExpert, element)) *
                             router_unit()
                       : weight(Purpose::shared_gate, kSharedExpert, r, d, case_.D);
    }
  return gate;
}

}  // namespace moe::check
