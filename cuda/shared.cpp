#include "cuda/shared.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

PreparedShared prepare(const Shared& shared) {
  PreparedShared prepared{.ffn = prepare(Experts{shared.activation, {shared.ffn}}),
                          .gate = {},
                          .join = shared.join};
  if (shared.gate.size() != 0) prepared.gate = prepare(shared.gate, shared.gate_bias);
  return prepared;
}

Shared unpack(const PreparedShared& prepared) {
  Shared shared{.activation = prepared.ffn.activation,
                .ffn = unpack(prepared.ffn).ffn.at(0),
                .gate = {},
                .join = prepared.join};
  if (prepared.gate.device) unpack(prepared.gate, shared.gate, shared.gate_bias);
  return shared;
}

namespace {

void take_share(const PreparedShared& shared, int part, const DeviceMatrix& x, DeviceMatrix& y) {
  const DeviceMatrix z = linear(x, shared.gate);  // [T,1] or [T,2]
  kernels::take_share(shared.join, part, z.view(), y.view());
}

}  // namespace

void make_room(const PreparedShared& shared, const DeviceMatrix& x, DeviceMatrix& y) {
  if (shared.join != SharedJoin::added) take_share(shared, 0, x, y);
}

DeviceMatrix run_shared(const PreparedShared& shared, const DeviceMatrix& x, Trace* trace) {
  const DeviceMatrix hidden = hidden_values(shared.ffn, x, kernels::plan(x.rows));
  DeviceMatrix y = linear(hidden, shared.ffn.down);
  if (shared.gate.device) take_share(shared, 1, x, y);
  record(trace, "shared", y);
  return y;
}

Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace) {
  return download(run_shared(shared, upload(x), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
