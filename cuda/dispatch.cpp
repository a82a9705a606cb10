#include "cuda/dispatch.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

// The expert of each pair that finds a place, -1 for the others.
Array<int> find_places(const Capacity& capacity, const DeviceRouting& routing, Index E) {
  const Index T = routing.tokens;
  const Index K = routing.chosen;
  const Index size = capacity.group == 0 ? T : capacity.group;
  Array<int> placed(routing.selected.size());
  kernels::find_places(capacity.priority, places(capacity, size, E, K), size,
                       routing.selected.data(), routing.chosen_scores.data(), T, K,
                       placed.data());
  return placed;
}

void expect_experts(const Routing& routing, Index E) {
  for (Index t = 0; t < routing.selected.rows(); t++)
    for (Index k = 0; k < routing.selected.cols(); k++)
      if (routing.selected(t, k) < -1 || routing.selected(t, k) >= E)
        throw Error("place: token " + std::to_string(t) + " chose expert " +
                    std::to_string(routing.selected(t, k)) + ", expected 0 to " +
                    std::to_string(E - 1) + ", or -1");
}

}  // namespace

DeviceDispatch place(const DeviceRouting& routing, Index E,
                     const std::optional<Capacity>& capacity, Trace* trace) {
  const Index T = routing.tokens;
  const Index K = routing.chosen;
  const auto pairs = static_cast<std::size_t>(T * K);
  Array<int> placed;
  if (capacity) placed = find_places(*capacity, routing, E);
  const Index chunks = (T * K + kernels::kChunk - 1) / kernels::kChunk;
  Array<int> counts(static_cast<std::size_t>(chunks * E));
  DeviceDispatch dispatch{.offsets = Array<int>(static_cast<std::size_t>(E + 1)),
                          .tokens = Array<int>(pairs),
                          .slots = Array<int>(pairs),
                          .positions = Array<int>(pairs),
                          .experts = E,
                          .rows = T * K};
  kernels::place(capacity ? placed.data() : routing.selected.data(), T, K, E, counts.data(),
                 dispatch.offsets.data(), dispatch.tokens.data(), dispatch.slots.data(),
                 dispatch.positions.data());
  if (capacity || !routing.full) {
    int rows = 0;
    copy_to_host(&rows, dispatch.offsets.data() + E, sizeof(rows));
    dispatch.rows = rows;
  }
  record(trace, "positions", dispatch.positions, T, K);
  return dispatch;
}

Dispatch place(const Routing& routing, Index E, const std::optional<Capacity>& capacity,
               Trace* trace) {
  expect_experts(routing, E);
  const DeviceRouting device = upload(routing);
  return download(place(device, E, capacity, trace), device.tokens, device.chosen);
}

IntMatrix places_found(const Capacity& capacity, const Routing& routing, Index E) {
  expect_experts(routing, E);
  const std::vector<int> placed = find_places(capacity, upload(routing), E).to_host();
  IntMatrix found(routing.selected.rows(), routing.selected.cols());
  for (Index i = 0; i < found.size(); i++)
    found.data()[i] = placed[static_cast<std::size_t>(i)] >= 0 ? 1 : 0;
  return found;
}

void drop_weights(const Capacity& capacity, const DeviceDispatch& dispatch,
                  DeviceRouting& routing, Trace* trace) {
  kernels::drop_weights(capacity.after, capacity.epsilon, dispatch.positions.data(),
                        routing.chosen_scores.data(), routing.tokens, routing.chosen,
                        routing.weights.data());
  if (trace != nullptr) moe::record(trace, "kept_weights", download(routing).weights);
}

void drop_weights(const Capacity& capacity, const Dispatch& dispatch, Routing& routing,
                  Trace* trace) {
  DeviceRouting device = upload(routing);
  drop_weights(capacity, upload(dispatch), device, trace);
  routing = download(device);
}

DeviceMatrix gather(const DeviceDispatch& dispatch, const DeviceRouting& routing,
                    const DeviceMatrix& x, Trace* trace) {
  const bool weighted = routing.weight_on == WeightOn::input;
  DeviceMatrix rows(dispatch.rows, x.cols);
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
