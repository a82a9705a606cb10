#include "cuda/routed.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// The experts' part, in the space they work in; u [T,L], returns [T,L].
DeviceMatrix run_chosen(const PreparedExperts& experts, const DeviceRouting& routing,
                        const DeviceDispatch& dispatch, const DeviceMatrix& u, Trace* trace) {
  const DeviceMatrix rows = gather(dispatch, routing, u, trace);
  const DeviceMatrix outputs = run_experts(experts, dispatch, rows, trace);
  return combine(dispatch, routing, outputs, trace);
}

DeviceMatrix run_in_latent(const PreparedExperts& experts, const DeviceRouting& routing,
                           const DeviceDispatch& dispatch, const DeviceMatrix& x, Trace* trace,
                           const PreparedLatent& latent) {
  const DeviceMatrix u = linear(x, latent.down);  // [T,L]
  record(trace, "latent", u);
  DeviceMatrix y = linear(run_chosen(experts, routing, dispatch, u, trace), latent.up);  // [T,D]
  record(trace, "expanded", y);
  return y;
}

}  // namespace

std::optional<PreparedLatent> prepare(const std::optional<Latent>& latent) {
  if (!latent) return std::nullopt;
  return PreparedLatent{prepare(latent->down, Vector()), prepare(latent->up, Vector())};
}

std::optional<Latent> unpack(const std::optional<PreparedLatent>& prepared) {
  if (!prepared) return std::nullopt;
  Latent latent;
  Vector nothing;
  unpack(prepared->down, latent.down, nothing);
  unpack(prepared->up, latent.up, nothing);
  return latent;
}

Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const DeviceRouting& routing, const DeviceDispatch& dispatch,
                  const DeviceMatrix& x, Trace* trace, const std::optional<PreparedLatent>& latent,
                  bool residual) {
  DeviceMatrix y = latent ? run_in_latent(experts, routing, dispatch, x, trace, *latent)
                          : run_chosen(experts, routing, dispatch, x, trace);
  if (shared) {
    make_room(*shared, x, y);
    const DeviceMatrix more = run_shared(*shared, x, trace);
    kernels::add(std::as_const(y).view(), more.view(), y.view());
  }
  if (residual) kernels::add(std::as_const(y).view(), x.view(), y.view());
  const Matrix host_y = download(y);
  moe::record(trace, "output", host_y);
  return host_y;
}

Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace, const std::optional<PreparedLatent>& latent, bool residual) {
  return run_routed(experts, shared, upload(routing), upload(dispatch), upload(x), trace, latent,
                    residual);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
