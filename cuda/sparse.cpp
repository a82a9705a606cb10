#include "cuda/sparse.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// The choices and sizes of a layer; matrices keep the one size that matters and hold nothing.
SparseLayer outline_of(const SparseLayer& layer) {
  SparseLayer outline;
  outline.nonfinite = layer.nonfinite;
  outline.router.config = layer.router.config;
  outline.router.weight.resize(0, layer.router.weight.cols());
  outline.experts.activation = layer.experts.activation;
  outline.experts.ffn.resize(layer.experts.ffn.size());
  outline.experts.ffn[0].up.resize(layer.experts.ffn[0].up.rows(), 0);
  return outline;
}

}  // namespace

PreparedSparse prepare(const SparseLayer& layer) {
  validate(layer);
  PreparedSparse prepared;
  prepared.router_ = prepare(layer.router);
  prepared.experts_ = prepare(layer.experts);
  if (layer.shared) prepared.shared_ = prepare(*layer.shared);
  prepared.outline_ = outline_of(layer);
  return prepared;
}

SparseLayer unpack(const PreparedSparse& prepared) {
  SparseLayer layer{.router = unpack(prepared.router()),
                    .experts = unpack(prepared.experts()),
                    .shared = {},
                    .nonfinite = prepared.outline().nonfinite};
  if (prepared.shared()) layer.shared = unpack(*prepared.shared());
  return layer;
}

Matrix sparse(const PreparedSparse& layer, const ConstMatrix& host_x, Trace* trace) {
  validate_input(layer.outline(), host_x);
  const Index E = sizes(layer.outline()).experts;
  const DeviceMatrix x = upload(host_x);

  const DeviceRouting routing = route(layer.router(), x, trace);
  const DeviceDispatch dispatch = place(routing, E, trace);
  const DeviceMatrix rows = gather(dispatch, routing, x, trace);
  const DeviceMatrix outputs = run_experts(layer.experts(), dispatch, rows, trace);
  DeviceMatrix y = combine(dispatch, routing, outputs, trace);
  if (layer.shared()) {
    const DeviceMatrix shared = run_shared(*layer.shared(), x, trace);
    kernels::add(std::as_const(y).view(), shared.view(), y.view());
  }
  const Matrix host_y = download(y);
  moe::record(trace, "output", host_y);
  return host_y;
}

}  // namespace moe::MOE_CUDA_NAMESPACE
