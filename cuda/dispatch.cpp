#include "cuda/dispatch.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

DeviceDispatch place(const DeviceRouting& routing, Index E, Trace* trace) {
  const Index T = routing.tokens;
  const Index K = routing.chosen;
  const auto R = static_cast<std::size_t>(T * K);
  const Index chunks = (T * K + kernels::kChunk - 1) / kernels::kChunk;
  Array<int> counts(static_cast<std::size_t>(chunks * E));
  DeviceDispatch dispatch{.offsets = Array<int>(static_cast<std::size_t>(E + 1)),
                          .tokens = Array<int>(R),
                          .slots = Array<int>(R),
                          .positions = Array<int>(R),
                          .experts = E};
  kernels::place(routing.selected.data(), T, K, E, counts.data(), dispatch.offsets.data(),
                 dispatch.tokens.data(), dispatch.slots.data(), dispatch.positions.data());
  record(trace, "positions", dispatch.positions, T, K);
  return dispatch;
}

Dispatch place(const Routing& routing, Index E, Trace* trace) {
  for (Index t = 0; t < routing.selected.rows(); t++)
    for (Index k = 0; k < routing.selected.cols(); k++)
      if (routing.selected(t, k) < 0 || routing.selected(t, k) >= E)
        throw Error("place: token " + std::to_string(t) + " chose expert " +
                    std::to_string(routing.selected(t, k)) + ", expected 0 to " +
                    std::to_string(E - 1));
  const DeviceRouting device = upload(routing);
  return download(place(device, E, trace), device.tokens, device.chosen);
}

DeviceMatrix gather(const DeviceDispatch& dispatch, const DeviceRouting& routing,
                    const DeviceMatrix& x, Trace* trace) {
  const bool weighted = routing.weight_on == WeightOn::input;
  DeviceMatrix rows(static_cast<Index>(dispatch.positions.size()), x.cols);
  kernels::gather(x.view(), dispatch.positions.data(),
                  weighted ? routing.weights.data() : nullptr, routing.chosen, rows.view());
  record(trace, "dispatched", rows);
  return rows;
}

Matrix gather(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& x,
              Trace* trace) {
  return download(gather(upload(dispatch), upload(routing), upload(x), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
