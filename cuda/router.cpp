#include "cuda/router.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

PreparedRouter prepare(const Router& router) {
  PreparedRouter prepared{.config = router.config,
                          .linear = prepare(router.weight, router.bias),
                          .selection_bias = {}};
  if (router.selection_bias.size() != 0)
    prepared.selection_bias = prepare(Matrix(router.selection_bias.size(), 0), router.selection_bias);
  return prepared;
}

Router unpack(const PreparedRouter& prepared) {
  Router router{.config = prepared.config, .weight = {}, .bias = {}, .selection_bias = {}};
  unpack(prepared.linear, router.weight, router.bias);
  Matrix nothing;
  if (prepared.selection_bias.device)
    unpack(prepared.selection_bias, nothing, router.selection_bias);
  return router;
}

DeviceRouting route(const PreparedRouter& router, const DeviceMatrix& x, Trace* trace) {
  const RouterConfig& config = router.config;
  const Index T = x.rows;
  const Index K = config.chosen;
  if (T > std::numeric_limits<std::int32_t>::max() / K)
    throw Error("route: T*K = " + std::to_string(T) + "*" + std::to_string(K) +
                ", expected less than 2^31");
  const DeviceMatrix logits = linear(x, router.linear);
  record(trace, "logits", logits);

  DeviceMatrix scores(T, logits.cols);
  DeviceRouting routing{.selected = Array<int>(static_cast<std::size_t>(T * K)),
                        .weights = Array<float>(static_cast<std::size_t>(T * K)),
                        .tokens = T,
                        .chosen = K,
                        .weight_on = config.weight_on};
  const bool limited = config.groups.kept < config.groups.count;
  Array<float> group_scores(static_cast<std::size_t>(limited ? T * config.groups.count : 0));
  const DeviceLinear* bias = router.selection_bias.device.get();
  kernels::route(config, std::as_const(logits).view(), bias != nullptr ? bias->bias.data() : nullptr,
                 group_scores.data(), scores.view(), routing.selected.data(),
                 routing.weights.data());
  record(trace, "scores", scores);
  record(trace, "selected", routing.selected, T, K);
  if (trace != nullptr) moe::record(trace, "weights", download(routing).weights);
  return routing;
}

Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace) {
  return download(route(router, upload(x), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
