#include "cuda/expert_choice.h"

#include <algorithm>

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

PreparedExpertChoice prepare(const ExpertChoiceLayer& layer) {
  validate(layer);
  PreparedExpertChoice prepared;
  prepared.router_ = prepare(layer.router, layer.bias);
  prepared.experts_ = prepare(layer.experts);
  if (layer.shared) prepared.shared_ = prepare(*layer.shared);
  prepared.outline_.router.resize(0, layer.router.cols());
  prepared.outline_.places = layer.places;
  prepared.outline_.group = layer.group;
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
  const Index groups = T == 0 ? 0 : T / size;
  const Index C = std::min(outline.places, size);
  const DeviceMatrix x = upload(host_x);

  const DeviceMatrix logits = linear(x, layer.router());
  record(trace, "logits", logits);
  DeviceMatrix scores(T, E);
  kernels::softmax(logits.view(), scores.view());
  record(trace, "scores", scores);

  // The experts' lists as rows of one expert each, which is how a routing of groups*E tokens looks.
  DeviceRouting lists, routing(T, E, WeightOn::output);
  lists.selected = Array<int>(static_cast<std::size_t>(groups * E * C));
  lists.weights = Array<float>(static_cast<std::size_t>(groups * E * C));
  lists.tokens = groups * E;
  lists.chosen = C;
  routing.full = false;
  kernels::choose_tokens(std::as_const(scores).view(), size, C, lists.selected.data(),
                         lists.weights.data(), routing.selected.data(), routing.weights.data(),
                         routing.chosen_scores.data());
  if (trace != nullptr) {
    const Routing host = download(lists);
    moe::record(trace, "selected", host.selected);
    moe::record(trace, "weights", host.weights);
  }
  const DeviceDispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts(), layer.shared(), routing, dispatch, x, trace);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
