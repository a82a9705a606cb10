#include "cuda/router.h"

#include "cuda/device_layer.h"
#include "reference/router_choice.h"

namespace moe::MOE_CUDA_NAMESPACE {

namespace {

// Values on the device as the bias of a matrix without columns; empty if there are none.
PreparedLinear prepare_values(const Vector& values) {
  return values.size() == 0 ? PreparedLinear{} : prepare(Matrix(values.size(), 0), values);
}
Vector unpack_values(const PreparedLinear& prepared) {
  Matrix nothing;
  Vector values;
  if (prepared.device) unpack(prepared, nothing, values);
  return values;
}
const float* values_of(const PreparedLinear& prepared) {
  return prepared.device ? prepared.device->bias.data() : nullptr;
}

kernels::Draws draws_of(const Batch& batch, Draw draw) { return {stream(batch, draw), batch.first}; }

}  // namespace

PreparedRouter prepare(const Router& router) {
  PreparedRouter prepared{.config = router.config,
                          .linear = prepare(router.weight, router.bias),
                          .selection_bias = prepare_values(router.selection_bias),
                          .input_gain = prepare_values(router.input_gain),
                          .expert_scale = prepare_values(router.expert_scale),
                          .noise = {},
                          .table = router.table,
                          .unscored = router.unscored};
  if (router.noise_weight.size() != 0) prepared.noise = prepare(router.noise_weight, Vector());
  return prepared;
}

Router unpack(const PreparedRouter& prepared) {
  Router router{.config = prepared.config,
                .weight = {},
                .bias = {},
                .selection_bias = unpack_values(prepared.selection_bias),
                .input_gain = unpack_values(prepared.input_gain),
                .table = prepared.table,
                .expert_scale = unpack_values(prepared.expert_scale),
                .unscored = prepared.unscored};
  unpack(prepared.linear, router.weight, router.bias);
  Vector nothing;
  if (prepared.noise.device) unpack(prepared.noise, router.noise_weight, nothing);
  return router;
}

Router router_outline(const Router& router) {
  Router outline;
  outline.config = router.config;
  outline.weight.resize(0, router.weight.cols());
  outline.unscored = router.unscored;
  return outline;
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

namespace {

// What the router reads: x, or where that changes, what is written to `changed`.
const DeviceMatrix& router_input(const PreparedRouter& router, const DeviceMatrix& x,
                                 const Batch& batch, DeviceMatrix& changed) {
  const RouterConfig& config = router.config;
  const bool jitters = batch.training && config.noise_kind == Noise::input_jitter;
  if (!jitters && !router.input_gain.device) return x;
  changed = DeviceMatrix(x.rows, x.cols);
  kernels::router_input(values_of(router.input_gain), config.input_epsilon,
                        jitters ? config.noise : 0, draws_of(batch, Draw::input_jitter), x.view(),
                        changed.view());
  return changed;
}

}  // namespace

const DeviceMatrix& layer_input(const PreparedRouter& router, const DeviceMatrix& x,
                                const Batch& batch, DeviceMatrix& changed) {
  const RouterConfig& config = router.config;
  if (!batch.training || config.noise_kind != Noise::layer_jitter) return x;
  changed = DeviceMatrix(x.rows, x.cols);
  kernels::router_input(nullptr, 0, config.noise, draws_of(batch, Draw::input_jitter), x.view(),
                        changed.view());
  return changed;
}

namespace {

void add_noise(const PreparedRouter& router, const DeviceMatrix& input, const Batch& batch,
               DeviceMatrix& logits, Trace* trace) {
  const RouterConfig& config = router.config;
  const bool learned = config.noise_kind == Noise::learned_gaussian;
  if (!batch.training || (!learned && config.noise_kind != Noise::gaussian)) return;
  const DeviceMatrix raw = learned ? linear(input, router.noise) : DeviceMatrix();
  const float floor = learned ? config.noise : config.noise / static_cast<float>(logits.cols);
  kernels::add_noise(raw.view(), floor, draws_of(batch, Draw::logit_noise), logits.view());
  record(trace, "noisy_logits", logits);
}

// The experts of a choice that ranks no keys [T,K]. Only the balanced one looks at the logits.
Array<int> choice_on_host(const PreparedRouter& router, const DeviceMatrix& logits,
                          const Batch& batch) {
  const bool looks = router.config.choice == Choice::balanced;
  const Matrix z = looks ? download(logits) : Matrix::Zero(logits.rows, logits.cols);
  const IntMatrix S = choice_without_keys(router.config, router.table, z, batch);
  return Array<int>(std::vector<int>(S.data(), S.data() + S.size()));
}

}  // namespace

DeviceRouting route(const PreparedRouter& router, const DeviceMatrix& x, Trace* trace,
                    const Batch& batch) {
  const RouterConfig& config = router.config;
  const Index T = x.rows;
  if (router.unscored > 0)
    return upload(route_without_scores(config, router.table, T, router.unscored, batch, trace));

  DeviceMatrix changed;
  const DeviceMatrix& input = router_input(router, x, batch, changed);
  DeviceMatrix logits = linear(input, router.linear);
  record(trace, "logits", logits);
  add_noise(router, input, batch, logits, trace);

  DeviceRouting routing(T, config.chosen, config.weight_on);
  routing.full = config.later == LaterSlots::all;
  kernels::Besides besides{.selection_bias = values_of(router.selection_bias),
                           .expert_scale = values_of(router.expert_scale),
                           .given = !ranks_keys(config, batch),
                           .later = draws_of(batch, Draw::later_slot),
                           .drawn = draws_near_ties(config, batch),
                           .near_tie = draws_of(batch, Draw::near_tie),
                           .midpoint = draws_of(batch, Draw::midpoint)};
  if (besides.given) routing.selected = choice_on_host(router, logits, batch);

  DeviceMatrix scores(T, logits.cols);
  const bool limited = config.groups.kept < config.groups.count;
  Array<float> group_scores(static_cast<std::size_t>(limited ? T * config.groups.count : 0));
  kernels::route(config, std::as_const(logits).view(), besides, group_scores.data(), scores.view(),
                 routing.selected.data(), routing.weights.data(), routing.chosen_scores.data());
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

Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace,
              const Batch& batch) {
  return download(route(router, upload(x), trace, batch));
}

Routing route_to_all(const PreparedRouter& router, const ConstMatrix& x, Trace* trace) {
  return download(route_to_all(router, upload(x), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
