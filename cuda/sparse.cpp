#include "cuda/sparse.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// The choices and sizes of a layer; matrices keep the one size that matters and hold nothing.
SparseLayer outline_of(const SparseLayer& layer) {
  SparseLayer outline;
  outline.nonfinite = layer.nonfinite;
  outline.capacity = layer.capacity;
  outline.residual = layer.residual;
  outline.router = router_outline(layer.router);
  outline.experts.activation = layer.experts.activation;
  outline.experts.identities = layer.experts.identities;
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
  prepared.latent_ = prepare(layer.latent);
  prepared.outline_ = outline_of(layer);
  return prepared;
}

SparseLayer unpack(const PreparedSparse& prepared) {
  SparseLayer layer{.router = unpack(prepared.router()),
                    .capacity = prepared.outline().capacity,
                    .experts = unpack(prepared.experts()),
                    .shared = {},
                    .latent = unpack(prepared.latent()),
                    .residual = prepared.outline().residual,
                    .nonfinite = prepared.outline().nonfinite};
  if (prepared.shared()) layer.shared = unpack(*prepared.shared());
  return layer;
}

Matrix sparse(const PreparedSparse& layer, const ConstMatrix& host_x, Trace* trace,
              const Batch& batch) {
  validate_input(layer.outline(), host_x);
  const Index E = sizes(layer.outline()).experts;
  const DeviceMatrix x = upload(host_x);

  const std::optional<Capacity>& capacity = layer.outline().capacity;
  DeviceMatrix changed;
  const DeviceMatrix& input = layer_input(layer.router(), x, batch, changed);
  DeviceRouting routing = route(layer.router(), input, trace, batch);
  const DeviceDispatch dispatch = place(routing, E, capacity, trace);
  if (capacity) drop_weights(*capacity, dispatch, routing, trace);
  return run_routed(layer.experts(), layer.shared(), routing, dispatch, input, trace,
                    layer.latent(), layer.outline().residual);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
