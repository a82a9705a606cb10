#include "reference/router.h"

#include "reference/linear.h"
#include "reference/router_choice.h"

namespace moe::reference {
namespace {

// Empties the slots after the first that the config does not use.
void thin(const RouterConfig& config, const Batch& batch, Routing& routing,
          Index t) {
  const Index K = routing.selected.cols();
  float mass = 0;  // scores of the slots before k; order: k ascending
  for (Index k = 0; k < K; k++) {
    bool used = k == 0 || config.later == LaterSlots::all;
    if (config.later == LaterSlots::above_threshold)
      used = used || routing.weights(t, k) > config.later_threshold;
    if (config.later == LaterSlots::until_mass)
      used = used || mass < config.later_threshold;
    if (config.later == LaterSlots::random) {
      const auto element = std::uint64_t((batch.first + t) * K + k);
      const float u =
          numerics::random_uniform(stream(batch, Draw::later_slot), element);
      used = used || u < routing.weights(t, k) / config.later_threshold;
    }
    mass = mass + routing.chosen_scores(t, k);
    if (used) continue;
    routing.selected(t, k) = -1;
    routing.weights(t, k) = 0;
  }
}

// The experts of one token, by the largest keys or drawn among near ties.
std::vector<Index> choose(const Router& router, const std::vector<float>& z,
                          const std::vector<float>& s, const Batch& batch,
                          Index t) {
  if (draws_near_ties(router.config, batch))
    return near_tie_choice(router.config, z, batch, t);
  return top_k(selection_keys(router, s), router.config.chosen);
}

// What one token chooses, from its logits z [E]; `given` is empty where the
// token's own numbers decide. Returns the scores [E].
std::vector<float> route_token(const Router& router,
                               const std::vector<float>& z,
                               const IntMatrix& given, const Batch& batch,
                               Index t, Routing& routing) {
  const Index K = router.config.chosen;
  const std::vector<float> s = scores(router.config.score, z);
  std::vector<Index> S;
  if (given.size() == 0) S = choose(router, z, s, batch, t);
  for (Index k = 0; k < K && given.size() != 0; k++) S.push_back(given(t, k));
  std::vector<float> w = weights(router.config, z, s, S, batch, t);
  if (router.expert_scale.size() != 0)
    for (std::size_t k = 0; k < S.size(); k++)
      w[k] = w[k] * router.expert_scale[S[k]];
  for (Index k = 0; k < K; k++) {
    const Index e = S[std::size_t(k)];
    routing.selected(t, k) = static_cast<std::int32_t>(e);
    routing.weights(t, k) = w[std::size_t(k)];
    routing.chosen_scores(t, k) = s[std::size_t(e)];
  }
  return s;
}

}  // namespace

Routing route(const Router& router, const ConstMatrix& x, Trace* trace,
              const Batch& batch) {
  const RouterConfig& config = router.config;
  const Index T = x.rows();
  const Index E = count(router);
  const Index K = config.chosen;
  if (router.unscored > 0)
    return route_without_scores(config, router.table, T, E, batch, trace);

  const Matrix input = router_input(router, x, batch);
  Matrix logits = linear(input, router.weight, router.bias);  // [T,E]
  record(trace, "logits", logits);
  if (add_noise(router, input, batch, logits))
    record(trace, "noisy_logits", logits);
  IntMatrix given;
  if (!ranks_keys(config, batch))
    given = choice_without_keys(config, router.table, logits, batch);

  Matrix all_scores(T, E);
  Routing routing{IntMatrix(T, K), Matrix(T, K), Matrix(T, K),
                  config.weight_on};
  for (Index t = 0; t < T; t++) {
    const float* row = logits.data() + t * E;
    const std::vector<float> z(row, row + E);
    const std::vector<float> s =
        route_token(router, z, given, batch, t, routing);
    for (Index e = 0; e < E; e++) all_scores(t, e) = s[std::size_t(e)];
    thin(config, batch, routing, t);
  }
  record(trace, "scores", all_scores);
  record(trace, "selected", routing.selected);
  record(trace, "weights", routing.weights);
  return routing;
}

Routing route_to_all(const Router& router, const ConstMatrix& x,
                     Trace* trace) {
  const Index T = x.rows();
  const Index E = router.weight.rows();
  const Matrix logits = linear(x, router.weight, router.bias);  // [T,E]
  record(trace, "logits", logits);

  Routing routing{IntMatrix(T, E), Matrix(T, E), Matrix(T, E),
                  router.config.weight_on};
  for (Index t = 0; t < T; t++) {
    const float* row = logits.data() + t * E;
    const std::vector<float> s =
        scores(router.config.score, std::vector<float>(row, row + E));
    for (Index e = 0; e < E; e++) {
      routing.selected(t, e) = static_cast<std::int32_t>(e);
      routing.weights(t, e) = s[std::size_t(e)] * router.config.scale;
      routing.chosen_scores(t, e) = s[std::size_t(e)];
    }
  }
  record(trace, "scores", routing.chosen_scores);
  record(trace, "selected", routing.selected);
  record(trace, "weights", routing.weights);
  return routing;
}

}  // namespace moe::reference
