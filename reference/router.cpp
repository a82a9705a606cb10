#include "reference/router.h"

#include "reference/linear.h"

namespace moe::reference {
namespace {

// Empties the slots after the first that the config does not use.
void thin(const RouterConfig& config, Routing& routing, Index t) {
  float mass = 0;  // scores of the slots before k; order: k ascending
  for (Index k = 0; k < routing.selected.cols(); k++) {
    bool used = k == 0 || config.later == LaterSlots::all;
    if (config.later == LaterSlots::above_threshold)
      used = used || routing.weights(t, k) > config.later_threshold;
    if (config.later == LaterSlots::until_mass)
      used = used || mass < config.later_threshold;
    mass = mass + routing.chosen_scores(t, k);
    if (used) continue;
    routing.selected(t, k) = -1;
    routing.weights(t, k) = 0;
  }
}

}  // namespace

Routing route(const Router& router, const ConstMatrix& x, Trace* trace) {
  const Index T = x.rows();
  const Index E = router.weight.rows();
  const Index K = router.config.chosen;

  const Matrix logits = linear(x, router.weight, router.bias);  // [T,E]
  record(trace, "logits", logits);

  Matrix all_scores(T, E);
  Routing routing{IntMatrix(T, K), Matrix(T, K), Matrix(T, K),
                  router.config.weight_on};
  for (Index t = 0; t < T; t++) {
    const float* row = logits.data() + t * E;
    const std::vector<float> z(row, row + E);
    const std::vector<float> s = scores(router.config.score, z);
    const std::vector<float> c = selection_keys(router, s);
    const std::vector<Index> S = top_k(c, K);
    const std::vector<float> w = weights(router.config, z, s, S);

    for (Index e = 0; e < E; e++) all_scores(t, e) = s[std::size_t(e)];
    for (Index k = 0; k < K; k++) {
      const Index e = S[std::size_t(k)];
      routing.selected(t, k) = static_cast<std::int32_t>(e);
      routing.weights(t, k) = w[std::size_t(k)];
      routing.chosen_scores(t, k) = s[std::size_t(e)];
    }
    thin(router.config, routing, t);
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
