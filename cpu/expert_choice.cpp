#include "cpu/expert_choice.h"

#include <algorithm>

#include "cpu/available.h"
#include "cpu/dispatch.h"
#include "cpu/parallel.h"
#include "cpu/routed.h"
#include "reference/capped_choice.h"

namespace moe::cpu {
namespace {

// The tokens that every expert takes of every group, best first: token within its group and score,
// both [groups*E,C].
struct Lists {
  IntMatrix selected;
  Matrix weights;
};

// Every expert's C best tokens. One list a task.
Lists choose(const Matrix& s, Index group, Index C, int threads) {
  const Index E = s.cols();
  const Index groups = s.rows() == 0 ? 0 : s.rows() / group;
  Lists lists{IntMatrix(groups * E, C), Matrix(groups * E, C)};
  parallel_for(threads, groups * E, [&](Index row, int) {
    const float* first = s.data() + row / E * group * E + row % E;
    std::vector<float> column(static_cast<std::size_t>(group));  // the expert's scores
    for (std::size_t i = 0; i < column.size(); i++) column[i] = first[static_cast<Index>(i) * E];
    std::int32_t* best = lists.selected.data() + row * C;
    top_k(column, std::span(best, static_cast<std::size_t>(C)));
    for (Index c = 0; c < C; c++) lists.weights(row, c) = column[static_cast<std::size_t>(best[c])];
  });
  return lists;
}

// At most so many experts a token. One group a task: within it, one exchange follows the other.
Lists choose_capped(const Matrix& s, Index group, Index C, Index most_experts, int threads) {
  const Index E = s.cols();
  const Index groups = s.rows() == 0 ? 0 : s.rows() / group;
  Lists lists{IntMatrix(groups * E, C), Matrix::Zero(groups * E, C)};
  parallel_for(threads, groups, [&](Index g, int) {
    const auto own = s.middleRows(g * group, group);
    lists.selected.middleRows(g * E, E) = capped_choice(own, C, most_experts);
    for (Index e = 0; e < E; e++)
      for (Index c = 0; c < C; c++) {
        const Index i = lists.selected(g * E + e, c);
        if (i >= 0) lists.weights(g * E + e, c) = own(i, e);
      }
  });
  return lists;
}

}  // namespace

PreparedExpertChoice prepare(const ExpertChoiceLayer& layer, WeightFormat format) {
  require_available();
  validate(layer);
  return {.outline = Outline<ExpertChoiceLayer>({.router = Matrix(0, layer.router.cols()),
                                                 .bias = {},
                                                 .places = layer.places,
                                                 .group = layer.group,
                                                 .most_experts = layer.most_experts,
                                                 .experts = without_weights(layer.experts),
                                                 .shared = {},
                                                 .nonfinite = layer.nonfinite}),
          .router = prepare(layer.router, layer.bias),
          .experts = prepare(layer.experts, format),
          .shared = prepare(layer.shared, format)};
}

ExpertChoiceLayer unpack(const PreparedExpertChoice& prepared) {
  ExpertChoiceLayer layer = prepared.outline.layer();
  unpack(prepared.router, layer.router, layer.bias);
  layer.experts = unpack(prepared.experts);
  layer.shared = unpack(prepared.shared);
  return layer;
}

Routing slots_of_tokens(const IntMatrix& selected, const Matrix& s, Index group) {
  const Index E = s.cols();
  Routing routing{IntMatrix::Constant(s.rows(), E, -1), Matrix::Zero(s.rows(), E), s,
                  WeightOn::output};
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

Matrix expert_choice(const PreparedExpertChoice& layer, const ConstMatrix& x, Trace* trace,
                     int threads) {
  layer.outline.check_input(x);
  const Index E = layer.router.outputs;
  const Index group = layer.outline->group == 0 ? x.rows() : layer.outline->group;
  const Index C = std::min(layer.outline->places, group);
  const Index groups = group == 0 ? 0 : x.rows() / group;
  threads = thread_count(threads, layer.experts, groups * E * C);

  const Matrix logits = linear(x, layer.router, threads);  // [T,E]
  record(trace, "logits", logits);
  const Matrix s = all_scores(Score::softmax, logits, threads);
  record(trace, "scores", s);
  const Index cap = layer.outline->most_experts;
  const Lists lists = cap > 0 && cap < E ? choose_capped(s, group, C, cap, threads)
                                         : choose(s, group, C, threads);
  record(trace, "selected", lists.selected);
  record(trace, "weights", lists.weights);

  const Routing routing = slots_of_tokens(lists.selected, s, group);
  const Dispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts, layer.shared, routing, dispatch, x, trace, threads);
}

}  // namespace moe::cpu
