#include "cpu/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/numerics/elementary.h"
#include "cpu/parallel.h"
#include "reference/numerics/top_k_key.h"
#include "reference/router_choice.h"

namespace moe::cpu {
namespace {

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

Index length(std::span<const float> values) {
  return static_cast<Index>(values.size());
}

// Score of a group of experts: its largest key, or the sum of its two largest, best first.
float group_score(GroupScore kind, std::span<const float> members) {
  std::int32_t best[2] = {0, 0};
  const std::size_t wanted = kind == GroupScore::max || members.size() < 2 ? 1 : 2;
  top_k(members, std::span(best, wanted));
  const float largest = members[at(best[0])];
  return wanted == 1 ? largest : largest + members[at(best[1])];
}

// Experts outside the best groups get limit.excluded_key.
void limit_to_groups(const GroupLimit& limit, std::span<float> c) {
  const std::size_t size = c.size() / at(limit.count);
  std::vector<float> judged(at(limit.count));
  for (std::size_t g = 0; g < judged.size(); g++)
    judged[g] = group_score(limit.score, c.subspan(g * size, size));

  std::vector<std::int32_t> best(at(limit.kept));
  top_k(judged, best);
  std::vector<bool> kept(judged.size(), false);
  for (const std::int32_t g : best) kept[at(g)] = true;
  for (std::size_t g = 0; g < judged.size(); g++)
    if (!kept[g]) std::ranges::fill(c.subspan(g * size, size), limit.excluded_key);
}

void raw_weights(const RouterConfig& config, std::span<const float> z, std::span<const float> s,
                 std::span<const std::int32_t> S, std::span<float> w, const Batch& batch, Index t) {
  if (config.raw_weight == RawWeight::one) {
    std::ranges::fill(w, 1.0F);
    return;
  }
  const bool of_logit = config.raw_weight == RawWeight::softmax_of_chosen ||
                        config.raw_weight == RawWeight::sigmoid_of_chosen;
  for (std::size_t k = 0; k < S.size(); k++) w[k] = of_logit ? z[at(S[k])] : s[at(S[k])];
  if (config.raw_weight == RawWeight::softmax_of_chosen) softmax(w, w);
  if (config.raw_weight == RawWeight::sigmoid_of_chosen) sigmoid(w.data(), w.data(), length(w));
  if (config.raw_weight == RawWeight::near_tie_softmax)
    for (std::size_t k = 0; k < S.size(); k++) w[k] = near_tie_softmax(config, z, S, k, batch, t);
}

// What the raw weights are divided by; order: best first.
float normaliser(const RouterConfig& config, std::span<const float> w) {
  float sum = 0;
  if (config.normalisation == Normalisation::l2) {
    for (const float w_k : w) sum = std::fma(w_k, w_k, sum);
    return std::sqrt(sum) + config.epsilon;
  }
  for (const float w_k : w) sum = sum + w_k;
  if (config.normalisation == Normalisation::max_sum)
    return sum < config.epsilon ? config.epsilon : sum;
  return sum + config.epsilon;
}

// Empties the slots of token t after the first that the config does not use; order of the mass: k
// ascending.
void thin(const RouterConfig& config, const Batch& batch, Routing& routing, Index t) {
  if (config.later == LaterSlots::all) return;
  const Index K = routing.selected.cols();
  const numerics::Stream draws = stream(batch, Draw::later_slot);
  const float threshold = config.later_threshold;
  float mass = 0.0F + routing.chosen_scores(t, 0);
  for (Index k = 1; k < K; k++) {
    const float weight = routing.weights(t, k);
    bool used = config.later == LaterSlots::above_threshold && weight > threshold;
    if (config.later == LaterSlots::until_mass) used = mass < threshold;
    if (config.later == LaterSlots::random)
      used = numerics::random_uniform(draws, std::uint64_t((batch.first + t) * K + k)) <
             weight / threshold;
    mass = mass + routing.chosen_scores(t, k);
    if (used) continue;
    routing.selected(t, k) = -1;
    routing.weights(t, k) = 0;
  }
}

// Tokens per task of E experts each: as many as make it worth a thread's while.
Index tokens_together(Index E) {
  return std::max<Index>(1, 2048 / E);
}

}  // namespace

PreparedRouter prepare(const Router& router) {
  return {.config = router.config,
          .linear = prepare(router.weight, router.bias),
          .selection_bias = router.selection_bias,
          .input_gain = router.input_gain,
          .noise = prepare(router.noise_weight, Vector()),
          .table = router.table,
          .expert_scale = router.expert_scale,
          .unscored = router.unscored};
}

Router unpack(const PreparedRouter& prepared) {
  Router router{.config = prepared.config,
                .weight = {},
                .bias = {},
                .selection_bias = prepared.selection_bias,
                .input_gain = prepared.input_gain,
                .table = prepared.table,
                .expert_scale = prepared.expert_scale,
                .unscored = prepared.unscored};
  unpack(prepared.linear, router.weight, router.bias);
  Vector none;
  unpack(prepared.noise, router.noise_weight, none);
  return router;
}

void softmax(std::span<const float> z, std::span<float> p) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const float z_i : z)
    if (z_i > largest) largest = z_i;
  for (std::size_t i = 0; i < z.size(); i++) p[i] = z[i] - largest;
  exp(p.data(), p.data(), length(p));
  float sum = 0;
  for (const float p_i : p) sum = sum + p_i;
  for (float& p_i : p) p_i = p_i / sum;
}

void scores(Score kind, std::span<const float> z, std::span<float> s) {
  switch (kind) {
    case Score::logit:
      std::ranges::copy(z, s.begin());
      return;
    case Score::softmax:
      return softmax(z, s);
    case Score::sigmoid:
      return sigmoid(z.data(), s.data(), length(z));
    case Score::sqrt_softplus:
      softplus(z.data(), s.data(), length(z));
      for (float& s_e : s) s_e = std::sqrt(s_e);
      return;
  }
}

void selection_keys(const RouterConfig& config, const Vector& selection_bias,
                    std::span<const float> s, std::span<float> c) {
  std::ranges::copy(s, c.begin());
  if (config.key == SelectionKey::score_plus_bias)
    for (std::size_t e = 0; e < c.size(); e++) c[e] = c[e] + selection_bias[static_cast<Index>(e)];
  if (config.groups.kept < config.groups.count) limit_to_groups(config.groups, c);
}

void top_k(std::span<const float> c, std::span<std::int32_t> S) {
  // All keys differ, so any correct algorithm gives this list.
  constexpr std::size_t few = 256;
  std::uint64_t on_stack[few];
  std::vector<std::uint64_t> on_heap(c.size() > few ? c.size() : 0);
  const std::span<std::uint64_t> keys(c.size() > few ? on_heap.data() : on_stack, c.size());
  for (std::size_t e = 0; e < c.size(); e++)
    keys[e] = numerics::top_k_key(c[e], static_cast<std::uint32_t>(e));
  const auto last = keys.begin() + static_cast<std::ptrdiff_t>(S.size());
  std::ranges::partial_sort(keys, last, std::ranges::greater());
  for (std::size_t k = 0; k < S.size(); k++)
    S[k] = static_cast<std::int32_t>(numerics::top_k_index(keys[k]));
}

void weights(const RouterConfig& config, std::span<const float> z, std::span<const float> s,
             std::span<const std::int32_t> S, std::span<float> w, const Batch& batch, Index t) {
  raw_weights(config, z, s, S, w, batch, t);
  if (config.normalisation != Normalisation::none) {
    const float divisor = normaliser(config, w);
    for (float& w_k : w) w_k = w_k / divisor;
  }
  for (float& w_k : w) w_k = w_k * config.scale;
}

Matrix all_scores(Score kind, const Matrix& z, int threads) {
  const Index T = z.rows();
  const Index E = z.cols();
  Matrix s(T, E);
  parallel_ranges(thread_count(threads), T, tokens_together(E), [&](Index first, Index last) {
    for (Index t = first; t < last; t++)
      scores(kind, std::span(z.data() + t * E, at(E)), std::span(s.data() + t * E, at(E)));
  });
  return s;
}

Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace, int threads,
              const Batch& batch) {
  const RouterConfig& config = router.config;
  const Index T = x.rows();
  const Index E = count(router);
  const Index K = config.chosen;
  if (router.unscored > 0) return route_without_scores(config, router.table, T, E, batch, trace);

  Matrix changed;
  if (changes_input(router, batch)) changed = router_input(router, x, batch, threads);
  const ConstMatrix input = changes_input(router, batch) ? ConstMatrix(changed) : x;
  Matrix logits = linear(input, router.linear, threads);  // [T,E]
  record(trace, "logits", logits);
  if (add_noise(router, input, batch, logits, threads)) record(trace, "noisy_logits", logits);
  const Matrix every = all_scores(config.score, logits, threads);  // [T,E]
  record(trace, "scores", every);
  const bool ranks = ranks_keys(config, batch);
  const bool drawn = draws_near_ties(config, batch);

  Routing routing{IntMatrix(T, K), Matrix(T, K), Matrix(T, K), config.weight_on};
  if (!ranks) routing.selected = choice_without_keys(config, router.table, logits, batch);
  parallel_ranges(thread_count(threads), T, tokens_together(E), [&](Index first, Index last) {
    std::vector<float> c(at(E));
    for (Index t = first; t < last; t++) {
      const std::span z(logits.data() + t * E, at(E));
      const std::span s(every.data() + t * E, at(E));
      const std::span S(routing.selected.data() + t * K, at(K));
      const std::span w(routing.weights.data() + t * K, at(K));
      if (drawn) {
        near_tie_choice(config, z, batch, t, S);
      } else if (ranks) {
        selection_keys(config, router.selection_bias, s, c);
        top_k(c, S);
      }
      weights(config, z, s, S, w, batch, t);
      for (Index k = 0; k < K; k++) {
        const std::int32_t e = S[at(k)];
        if (router.expert_scale.size() != 0) w[at(k)] = w[at(k)] * router.expert_scale[e];
        routing.chosen_scores(t, k) = s[at(e)];
      }
      thin(config, batch, routing, t);
    }
  });
  record(trace, "selected", routing.selected);
  record(trace, "weights", routing.weights);
  return routing;
}

Routing route_to_all(const PreparedRouter& router, const ConstMatrix& x, Trace* trace,
                     int threads) {
  const Index T = x.rows();
  const Index E = router.linear.outputs;
  const Matrix logits = linear(x, router.linear, threads);  // [T,E]
  record(trace, "logits", logits);

  Routing routing{IntMatrix(T, E), Matrix(T, E), all_scores(router.config.score, logits, threads),
                  router.config.weight_on};
  for (Index t = 0; t < T; t++) {
    for (Index e = 0; e < E; e++) {
      routing.selected(t, e) = static_cast<std::int32_t>(e);
      routing.weights(t, e) = routing.chosen_scores(t, e) * router.config.scale;
    }
  }
  record(trace, "scores", routing.chosen_scores);
  record(trace, "selected", routing.selected);
  record(trace, "weights", routing.weights);
  return routing;
}

}  // namespace moe::cpu
