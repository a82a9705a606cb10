#include "cuda/dense.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

PreparedDense prepare(const DenseLayer& layer) {
  validate(layer);
  PreparedDense prepared;
  prepared.gate_ = prepare(layer.gate);
  prepared.experts_ = prepare(layer.experts);
  if (layer.shared) prepared.shared_ = prepare(*layer.shared);
  prepared.outline_.gate.weight.resize(0, layer.gate.weight.cols());
  prepared.outline_.experts.ffn.resize(layer.experts.ffn.size());
  prepared.outline_.nonfinite = layer.nonfinite;
  return prepared;
}

DenseLayer unpack(const PreparedDense& prepared) {
  DenseLayer layer{.gate = unpack(prepared.gate()),
                   .experts = unpack(prepared.experts()),
                   .shared = {},
                   .nonfinite = prepared.outline().nonfinite};
  if (prepared.shared()) layer.shared = unpack(*prepared.shared());
  return layer;
}

Matrix dense(const PreparedDense& layer, const ConstMatrix& host_x, Trace* trace) {
  validate_input(layer.outline(), host_x);
  const auto E = static_cast<Index>(layer.outline().experts.ffn.size());
  const DeviceMatrix x = upload(host_x);
  const DeviceRouting routing = route_to_all(layer.gate(), x, trace);
  const DeviceDispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts(), layer.shared(), routing, dispatch, x, trace);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
