#include "reference/dispatch.h"

namespace moe::reference {

Dispatch place(const Routing& routing, Index E,
               const std::optional<Capacity>& capacity, Trace* trace) {
  const Index T = routing.selected.rows();
  const Index K = routing.selected.cols();
  IntMatrix placed = IntMatrix::Ones(T, K);
  if (capacity) placed = places_found(*capacity, routing, E);

  Dispatch dispatch;
  dispatch.offsets.assign(std::size_t(E + 1), 0);
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++)
      if (routing.selected(t, k) >= 0 && placed(t, k) == 1)
        dispatch.offsets[std::size_t(routing.selected(t, k)) + 1]++;
  for (std::size_t e = 0; e < std::size_t(E); e++)
    dispatch.offsets[e + 1] += dispatch.offsets[e];

  const auto R = std::size_t(dispatch.offsets.back());
  dispatch.tokens.resize(R);
  dispatch.slots.resize(R);
  dispatch.positions.setConstant(T, K, -1);
  std::vector<Index> next(dispatch.offsets);  // first free row of each expert
  for (Index t = 0; t < T; t++) {
    for (Index k = 0; k < K; k++) {
      if (routing.selected(t, k) < 0 || placed(t, k) == 0) continue;
      const Index row = next[std::size_t(routing.selected(t, k))]++;
      dispatch.tokens[std::size_t(row)] = t;
      dispatch.slots[std::size_t(row)] = k;
      dispatch.positions(t, k) = static_cast<std::int32_t>(row);
    }
  }
  record(trace, "positions", dispatch.positions);
  return dispatch;
}

Matrix gather(const Dispatch& dispatch, const Routing& routing,
              const ConstMatrix& x, Trace* trace) {
  const auto R = static_cast<Index>(dispatch.tokens.size());
  const Index D = x.cols();
  Matrix rows(R, D);
  for (Index r = 0; r < R; r++) {
    const Index t = dispatch.tokens[std::size_t(r)];
    const Index k = dispatch.slots[std::size_t(r)];
    for (Index d = 0; d < D; d++) {
      rows(r, d) = x(t, d);
      if (routing.weight_on == WeightOn::input)
        rows(r, d) = routing.weights(t, k) * x(t, d);
    }
  }
  record(trace, "dispatched", rows);
  return rows;
}

}  // namespace moe::reference
