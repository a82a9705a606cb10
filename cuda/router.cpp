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

DeviceRouting::DeviceRouting(Index T, Index K, WeightOn on) : tokens(T), chosen(K), weight_on(on) {
  if (T > std::numeric_limits<std::int32_t>::max() / K)
    throw Error("route: T*K = " + std::to_string(T) + "*" + std::to_string(K) +
                ", expected less than 2^31");
  const auto pairs = static_cast<std::size_t>(T * K);
  selected = Array<int>(pairs);
  weights = Array<float>(pairs);
  chosen_scores = Array<float>(pairs);
}

namespace {

void record(Trace* trace, const DeviceMatrix& scores, const DeviceRouting& routing) {
  if (trace == nullptr) return;
  const Routing host = download(routing);
  record(trace, "scores", scores);
  moe::record(trace, "selected", host.selected);
  moe::record(trace, "weights", host.weights);
}

}  // namespace

DeviceRouting route(const PreparedRouter& router, const DeviceMatrix& x, Trace* trace) {
  const RouterConfig& config = router.config;
  const Index T = x.rows;
  DeviceRouting routing(T, config.chosen, config.weight_on);
  routing.full = config.later == LaterSlots::all;
  const DeviceMatrix logits = linear(x, router.linear);
  record(trace, "logits", logits);

  DeviceMatrix scores(T, logits.cols);
  const bool limited = config.groups.kept < config.groups.count;
  Array<float> group_scores(static_cast<std::size_t>(limited ? T * config.groups.count : 0));
  const DeviceLinear* bias = router.selection_bias.device.get();
  kernels::route(config, std::as_const(logits).view(), bias != nullptr ? bias->bias.data() : nullptr,
                 group_scores.data(), scores.view(), routing.selected.data(),
                 routing.weights.data(), routing.chosen_scores.data());
  record(trace, scores, routing);
  return routing;
}

DeviceRouting route_to_all(const PreparedRouter& router, const DeviceMatrix& x, Trace* trace) {
  const DeviceMatrix logits = linear(x, router.linear);
  record(trace, "logits", logits);
  DeviceMatrix scores(x.rows, logits.cols);
  DeviceRouting routing(x.rows, logits.cols, router.config.weight_on);
  kernels::route_to_all(router.config, logits.view(), scores.view(), routing.selected.data(),
                        routing.weights.data(), routing.chosen_scores.data());
  record(trace, scores, routing);
  return routing;
}

Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace) {
  return download(route(router, upload(x), trace));
}

Routing route_to_all(const PreparedRouter& router, const ConstMatrix& x, Trace* trace) {
  return download(route_to_all(router, upload(x), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
