// What some routers and latent spaces of a case have besides: gains, noise, scales, tables.
// Scales are powers of two, so that family exact stays exact up to what a router itself rounds.
#include <algorithm>

#include "check/case_values.h"
#include "reference/numerics/elementary.h"
#include "reference/numerics/philox.h"

namespace moe::check {

Vector CaseValues::input_gain() const {
  Vector gain(case_.D);
  for (Index d = 0; d < case_.D; d++)
    gain[d] = power_of_two(word(Purpose::input_gain, 0, std::uint64_t(d)) % 3 - Index{1});
  return gain;
}

Matrix CaseValues::noise_weight() const {
  Matrix weights(case_.E, case_.D);
  for (Index e = 0; e < case_.E; e++)
    for (Index d = 0; d < case_.D; d++)
      weights(e, d) = case_.family == Family::exact
                          ? router_unit()
                          : weight(Purpose::noise_weight, 0, e, d, case_.D);
  return weights;
}

Vector CaseValues::expert_scale() const {
  Vector scale(case_.E);
  for (Index e = 0; e < case_.E; e++)
    scale[e] = power_of_two(word(Purpose::expert_scale, 0, std::uint64_t(e)) % 4 - Index{2});
  return scale;
}

// Rows of K different experts. Half of the rows follow the preference of a controlled route; the
// others take any expert, or none that the route avoids.
IntMatrix CaseValues::table() const {
  const std::vector<Index> preferred = by_preference(case_);
  const std::vector<bool> is_avoided = avoided(case_);
  IntMatrix table(kVocabulary, case_.K);
  for (Index v = 0; v < kVocabulary; v++) {
    const auto draw = [&](std::uint64_t i) {
      return word(Purpose::table, static_cast<std::uint32_t>(v), i);
    };
    std::vector<Index> order = preferred;
    const bool any = case_.route.kind != Route::Kind::one && (!controlled() || draw(0) % 2 == 0);
    for (std::size_t i = order.size(); any && i > 1; i--)
      std::swap(order[i - 1], order[draw(i) % i]);
    std::stable_partition(order.begin(), order.end(),
                          [&](Index e) { return !is_avoided[std::size_t(e)]; });
    for (Index k = 0; k < case_.K; k++)
      table(v, k) = static_cast<std::int32_t>(order[std::size_t(k)]);
  }
  return table;
}

// Family exact: u picks columns of x. Else u mixes all of them, each in the size that its own
// channel of the narrow case has.
Latent CaseValues::latent(Index L, const CaseValues& narrow) const {
  const Index D = case_.D;
  const bool exact = case_.family == Family::exact;
  Latent latent{Matrix::Zero(L, D), Matrix(D, L)};
  const float size = numerics::rsqrt(static_cast<float>(D));
  for (Index l = 0; l < L; l++) {
    for (Index d = 0; d < D; d++) {
      const auto element = static_cast<std::uint64_t>(l * D + d);
      if (exact)
        latent.down(l, d) = d == l * D / L ? 1.0F : 0.0F;
      else
        latent.down(l, d) = normal(Purpose::latent_down, 0, element) * size *
                            power_of_two(narrow.channel_exponent(l) - channel_exponent(d));
      latent.up(d, l) = exact ? static_cast<float>((d + l) % 3) - 1.0F
                              : normal(Purpose::latent_up, 0, element) * size;
    }
  }
  return latent;
}

Batch make_batch(const Case& c) {
  Batch batch{.first = 0, .seed = c.seed, .step = 3, .training = c.training};
  const numerics::Stream ids{c.seed, static_cast<std::uint32_t>(Purpose::token_id), 0};
  for (Index t = 0; t < c.T; t++)
    batch.ids.push_back(static_cast<std::int32_t>(numerics::random_word(ids, std::uint64_t(t)) %
                                                  static_cast<std::uint32_t>(kVocabulary)));
  return batch;
}

}  // namespace moe::check
