#include "reference/router.h"

#include "reference/linear.h"

namespace moe::reference {

Routing route(const Router& router, const ConstMatrix& x, Trace* trace) {
  const Index T = x.rows();
  const Index E = router.weight.rows();
  const Index K = router.config.chosen;

  const Matrix logits = linear(x, router.weight, router.bias);  // [T,E]
  record(trace, "logits", logits);

  Matrix all_scores(T, E);
  Routing routing{IntMatrix(T, K), Matrix(T, K), router.config.weight_on};
  for (Index t = 0; t < T; t++) {
    const float* row = logits.data() + t * E;
    const std::vector<float> z(row, row + E);
    const std::vector<float> s = scores(router.config.score, z);
    const std::vector<float> c = selection_keys(router, s);
    const std::vector<Index> S = top_k(c, K);
    const std::vector<float> w = weights(router.config, z, s, S);

    for (Index e = 0; e < E; e++) all_scores(t, e) = s[std::size_t(e)];
    for (Index k = 0; k < K; k++) {
      routing.selected(t, k) = static_cast<std::int32_t>(S[std::size_t(k)]);
      routing.weights(t, k) = w[std::size_t(k)];
    }
  }
  record(trace, "scores", all_scores);
  record(trace, "selected", routing.selected);
  record(trace, "weights", routing.weights);
  return routing;
}

}  // namespace moe::reference
