#include "cuda/shared.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

PreparedShared prepare(const Shared& shared) {
  PreparedShared prepared{.ffn = prepare(Experts{shared.activation, {shared.ffn}}), .gate = {}};
  if (shared.gate.size() != 0) prepared.gate = prepare(shared.gate, Vector());
  return prepared;
}

Shared unpack(const PreparedShared& prepared) {
  Shared shared{.activation = prepared.ffn.activation,
                .ffn = unpack(prepared.ffn).ffn.at(0),
                .gate = {}};
  Vector nothing;
  if (prepared.gate.device) unpack(prepared.gate, shared.gate, nothing);
  return shared;
}

DeviceMatrix run_shared(const PreparedShared& shared, const DeviceMatrix& x, Trace* trace) {
  const DeviceMatrix hidden = hidden_values(shared.ffn, x, kernels::plan(x.rows));
  DeviceMatrix y = linear(hidden, shared.ffn.down);
  if (shared.gate.device) {
    const DeviceMatrix z = linear(x, shared.gate);
    kernels::open(z.view(), y.view());
  }
  record(trace, "shared", y);
  return y;
}

Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace) {
  return download(run_shared(shared, upload(x), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
