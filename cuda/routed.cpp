#include "cuda/routed.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const DeviceRouting& routing, const DeviceDispatch& dispatch,
                  const DeviceMatrix& x, Trace* trace) {
  const DeviceMatrix rows = gather(dispatch, routing, x, trace);
  const DeviceMatrix outputs = run_experts(experts, dispatch, rows, trace);
  DeviceMatrix y = combine(dispatch, routing, outputs, trace);
  if (shared) {
    const DeviceMatrix more = run_shared(*shared, x, trace);
    kernels::add(std::as_const(y).view(), more.view(), y.view());
  }
  const Matrix host_y = download(y);
  moe::record(trace, "output", host_y);
  return host_y;
}

Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace) {
  return run_routed(experts, shared, upload(routing), upload(dispatch), upload(x), trace);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
