#include "reference/expert_choice.h"

#include <algorithm>

#include "reference/capped_choice.h"
#include "reference/linear.h"
#include "reference/routed.h"

namespace moe::reference {
namespace {

// The softmax over experts of every token's logits.
Matrix all_scores(const Matrix& logits) {
  Matrix s(logits.rows(), logits.cols());
  for (Index t = 0; t < s.rows(); t++) {
    const float* row = logits.data() + t * logits.cols();
    const std::vector<float> p =
        softmax(std::vector<float>(row, row + logits.cols()));
    for (Index e = 0; e < s.cols(); e++) s(t, e) = p[std::size_t(e)];
  }
  return s;
}

// The tokens that each expert takes of one group, best first; s [tokens,E],
// returns [E,C].
IntMatrix choose(const ConstMatrix& s, Index C, Index most_experts) {
  const Index E = s.cols();
  if (most_experts > 0 && most_experts < E)
    return capped_choice(s, C, most_experts);
  IntMatrix lists(E, C);
  for (Index e = 0; e < E; e++) {
    std::vector<float> column;  // scores of the group's tokens for e
    for (Index i = 0; i < s.rows(); i++) column.push_back(s(i, e));
    const std::vector<Index> best = top_k(column, C);
    for (Index c = 0; c < C; c++)
      lists(e, c) = static_cast<std::int32_t>(best[std::size_t(c)]);
  }
  return lists;
}

}  // namespace

Routing slots_of_tokens(const IntMatrix& selected, const Matrix& s,
                        Index group) {
  const Index E = s.cols();
  Routing routing{IntMatrix::Constant(s.rows(), E, -1),
                  Matrix::Zero(s.rows(), E), s, WeightOn::output};
  for (Index row = 0; row < selected.rows(); row++) {
    const Index first = row / E * group;  // token of this row's group
    const Index e = row % E;
    for (Index c = 0; c < selected.cols(); c++) {
      if (selected(row, c) < 0) continue;  // an empty slot
      const Index t = first + selected(row, c);
      routing.selected(t, e) = static_cast<std::int32_t>(e);
      routing.weights(t, e) = s(t, e);
    }
  }
  return routing;
}

Matrix expert_choice(const ExpertChoiceLayer& layer, const ConstMatrix& x,
                     Trace* trace) {
  validate(layer);
  validate_input(layer, x);
  const Index T = x.rows();
  const Index E = layer.router.rows();
  const Index size = layer.group == 0 ? T : layer.group;
  const Index groups = T == 0 ? 0 : T / size;
  const Index C = std::min(layer.places, size);

  const Matrix logits = linear(x, layer.router, layer.bias);  // [T,E]
  record(trace, "logits", logits);
  const Matrix s = all_scores(logits);
  record(trace, "scores", s);

  IntMatrix selected(groups * E, C);
  Matrix weights = Matrix::Zero(groups * E, C);
  for (Index g = 0; g < groups; g++) {
    const Matrix own = s.middleRows(g * size, size);
    const IntMatrix lists = choose(own, C, layer.most_experts);  // [E,C]
    for (Index e = 0; e < E; e++) {
      for (Index c = 0; c < C; c++) {
        const Index i = lists(e, c);
        selected(g * E + e, c) = lists(e, c);
        if (i >= 0) weights(g * E + e, c) = own(i, e);
      }
    }
  }
  record(trace, "selected", selected);
  record(trace, "weights", weights);

  const Routing routing = slots_of_tokens(selected, s, size);
  const Dispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts, layer.shared, routing, dispatch, x, trace);
}

}  // namespace moe::reference
