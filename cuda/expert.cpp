#include "cuda/expert.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// One matrix and bias of every network, say all gates.
PreparedLinear stack(const std::vector<Ffn>& ffn, Matrix Ffn::*matrix, Vector Ffn::*bias) {
  std::vector<const Matrix*> matrices;
  std::vector<const Vector*> biases;
  for (const Ffn& network : ffn) {
    matrices.push_back(&(network.*matrix));
    biases.push_back(&(network.*bias));
  }
  return prepare(matrices, biases);
}

}  // namespace

PreparedExperts prepare(const Experts& experts) {
  PreparedExperts prepared{.activation = experts.activation,
                           .gate = {},
                           .up = stack(experts.ffn, &Ffn::up, &Ffn::up_bias),
                           .down = stack(experts.ffn, &Ffn::down, &Ffn::down_bias),
                           .identities = experts.identities};
  if (experts.activation.gated)
    prepared.gate = stack(experts.ffn, &Ffn::gate, &Ffn::gate_bias);
  return prepared;
}

Experts unpack(const PreparedExperts& prepared) {
  Experts experts{
      .activation = prepared.activation, .ffn = {}, .identities = prepared.identities};
  for (Index e = 0; e < prepared.up.device->experts; e++) {
    Ffn& ffn = experts.ffn.emplace_back();
    if (prepared.gate.device) unpack(*prepared.gate.device, e, ffn.gate, ffn.gate_bias);
    unpack(*prepared.up.device, e, ffn.up, ffn.up_bias);
    unpack(*prepared.down.device, e, ffn.down, ffn.down_bias);
  }
  return experts;
}

DeviceMatrix hidden_values(const PreparedExperts& experts, const DeviceMatrix& x,
                           const kernels::Plan& plan) {
  const DeviceLinear& up = *experts.up.device;
  if (x.cols != up.inputs)
    throw Error("experts: rows have " + std::to_string(x.cols) + " columns, expected " +
                std::to_string(up.inputs));
  DeviceMatrix hidden(x.rows, up.outputs);
  kernels::hidden_values(experts.activation, x.view(),
                         experts.gate.device ? experts.gate.device->view() : kernels::Weights{},
                         up.view(), plan, hidden.view());
  return hidden;
}

Matrix hidden_values(const PreparedExperts& ffn, const ConstMatrix& x) {
  return download(hidden_values(ffn, upload(x), kernels::plan(x.rows())));
}

DeviceMatrix run_experts(const PreparedExperts& experts, const DeviceDispatch& dispatch,
                         const DeviceMatrix& rows, Trace* trace) {
  const Index R = rows.rows;
  const Index networks = experts.up.device->experts;
  if (dispatch.experts != networks + experts.identities)
    throw Error("run_experts: rows of " + std::to_string(dispatch.experts) + " experts, expected " +
                std::to_string(networks + experts.identities));
  const int rows_per_tile = kernels::rows_per_tile(R, networks);
  const Index count = R == 0 ? 0 : kernels::most_tiles(R, networks, rows_per_tile);
  Array<kernels::Tile> tiles(static_cast<std::size_t>(count));
  if (count > 0)
    kernels::plan(dispatch.offsets.data(), networks, rows_per_tile, tiles.data(), count);
  const kernels::Plan plan{tiles.data(), count, rows_per_tile};

  DeviceMatrix hidden = hidden_values(experts, rows, plan);
  DeviceMatrix out(R, experts.down.device->outputs);
  kernels::linear(std::as_const(hidden).view(), experts.down.device->view(), plan, out.view());
  if (experts.identities != 0)
    kernels::pass_on(dispatch.offsets.data() + networks, rows.view(), hidden.view(), out.view());
  record(trace, "hidden", hidden);
  record(trace, "expert_out", out);
  return out;
}

Matrix run_experts(const PreparedExperts& experts, const Dispatch& dispatch,
                   const ConstMatrix& rows, Trace* trace) {
  return download(run_experts(experts, upload(dispatch), upload(rows), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
