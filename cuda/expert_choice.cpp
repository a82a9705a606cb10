#include "cuda/expert_choice.h"

#include <algorithm>

#include "cuda/device_layer.h"
#include "reference/capped_choice.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// With a cap on a token's experts the choice is one exchange after another: the host's work. Scores
// come from the device, slots go there. Each token's slot e holds e if that expert took it.
DeviceRouting choose_capped(const Matrix& s, Index size, Index C, Index most_experts,
                            Trace* trace) {
  const Index T = s.rows(), E = s.cols();
  const Index groups = T == 0 ? 0 : T / size;
  IntMatrix selected(groups * E, C);
  Matrix weights = Matrix::Zero(groups * E, C);
  Routing routing{IntMatrix::Constant(T, E, -1), Matrix::Zero(T, E), s, WeightOn::output};
  for (Index g = 0; g < groups; g++)
    selected.middleRows(g * E, E) = capped_choice(s.middleRows(g * size, size), C, most_experts);
  for (Index row = 0; row < selected.rows(); row++)
    for (Index c = 0; c < C; c++) {
      if (selected(row, c) < 0) continue;  // an empty slot
      const Index t = row / E * size + selected(row, c);
      const Index e = row % E;
      weights(row, c) = s(t, e);
      routing.selected(t, e) = static_cast<std::int32_t>(e);
      routing.weights(t, e) = s(t, e);
    }
  moe::record(trace, "selected", selected);
  moe::record(trace, "weights", weights);
  return upload(routing);
}

// Every expert's best tokens, whoever else takes them.
DeviceRouting choose(const DeviceMatrix& scores, Index size, Index C, Trace* trace) {
  const Index T = scores.rows, E = scores.cols;
  const Index groups = T == 0 ? 0 : T / size;
  // The experts' lists as rows of one expert each, which is how a routing of groups*E tokens looks.
  DeviceRouting lists, routing(T, E, WeightOn::output);
  lists.selected = Array<int>(static_cast<std::size_t>(groups * E * C));
  lists.weights = Array<float>(static_cast<std::size_t>(groups * E * C));
  lists.tokens = groups * E;
  lists.chosen = C;
  routing.full = false;
  kernels::choose_tokens(scores.view(), size, C, lists.selected.data(), lists.weights.data(),
                         routing.selected.data(), routing.weights.data(),
                         routing.chosen_scores.data());
  if (trace != nullptr) {
    const Routing host = download(lists);
    moe::record(trace, "selected", host.selected);
    moe::record(trace, "weights", host.weights);
  }
  return routing;
}

}  // namespace

PreparedExpertChoice prepare(const ExpertChoiceLayer& layer) {
  validate(layer);
  PreparedExpertChoice prepared;
  prepared.router_ = prepare(layer.router, layer.bias);
  prepared.experts_ = prepare(layer.experts);
  if (layer.shared) prepared.shared_ = prepare(*layer.shared);
  prepared.outline_.router.resize(0, layer.router.cols());
  prepared.outline_.places = layer.places;
  prepared.outline_.group = layer.group;
  prepared.outline_.most_experts = layer.most_experts;
  prepared.outline_.experts.ffn.resize(layer.experts.ffn.size());
  prepared.outline_.nonfinite = layer.nonfinite;
  return prepared;
}

ExpertChoiceLayer unpack(const PreparedExpertChoice& prepared) {
  const ExpertChoiceLayer& outline = prepared.outline();
  ExpertChoiceLayer layer{.router = {},
                          .bias = {},
                          .places = outline.places,
                          .group = outline.group,
                          .most_experts = outline.most_experts,
                          .experts = unpack(prepared.experts()),
                          .shared = {},
                          .nonfinite = outline.nonfinite};
  unpack(prepared.router(), layer.router, layer.bias);
  if (prepared.shared()) layer.shared = unpack(*prepared.shared());
  return layer;
}

Matrix expert_choice(const PreparedExpertChoice& layer, const ConstMatrix& host_x, Trace* trace) {
  const ExpertChoiceLayer& outline = layer.outline();
  validate_input(outline, host_x);
  const Index T = host_x.rows();
  const auto E = static_cast<Index>(outline.experts.ffn.size());
  const Index size = outline.group == 0 ? T : outline.group;
  const Index C = std::min(outline.places, size);
  const DeviceMatrix x = upload(host_x);

  const DeviceMatrix logits = linear(x, layer.router());
  record(trace, "logits", logits);
  DeviceMatrix scores(T, E);
  kernels::softmax(logits.view(), scores.view());
  record(trace, "scores", scores);

  const Index cap = outline.most_experts;
  const DeviceRouting routing = cap > 0 && cap < E
                                    ? choose_capped(download(scores), size, C, cap, trace)
                                    : choose(scores, size, C, trace);
  const DeviceDispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts(), layer.shared(), routing, dispatch, x, trace);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
