#include "reference/dispatch.h"

namespace moe::reference {

Dispatch place(const Routing& routing, Index E, Trace* trace) {
  const Index T = routing.selected.rows();
  const Index K = routing.selected.cols();

  Dispatch dispatch;
  dispatch.offsets.assign(std::size_t(E + 1), 0);
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++)
      dispatch.offsets[std::size_t(routing.selected(t, k)) + 1]++;
  for (std::size_t e = 0; e < std::size_t(E); e++)
    dispatch.offsets[e + 1] += dispatch.offsets[e];

  dispatch.tokens.resize(std::size_t(T * K));
  dispatch.slots.resize(std::size_t(T * K));
  dispatch.positions.resize(T, K);
  std::vector<Index> next(dispatch.offsets);  // first free row of each expert
  for (Index t = 0; t < T; t++) {
    for (Index k = 0; k < K; k++) {
      const auto e = std::size_t(routing.selected(t, k));
      const Index row = next[e]++;
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
