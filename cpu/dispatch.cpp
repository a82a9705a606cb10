#include "cpu/dispatch.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace moe::cpu {

namespace {

// The expert of every pair that is computed, -1 of the others.
IntMatrix experts_of_pairs(const Routing& routing, Index E,
                           const std::optional<Capacity>& capacity) {
  IntMatrix experts = routing.selected;
  if (!capacity) return experts;
  const IntMatrix placed = places_found(*capacity, routing, E);
  for (Index i = 0; i < experts.size(); i++)
    if (placed.data()[i] == 0) experts.data()[i] = -1;
  return experts;
}

}  // namespace

Dispatch place(const Routing& routing, Index E, const std::optional<Capacity>& capacity,
               Trace* trace) {
  const Index T = routing.selected.rows();
  const Index K = routing.selected.cols();
  const IntMatrix chosen = experts_of_pairs(routing, E, capacity);
  const std::int32_t* experts = chosen.data();

  Dispatch dispatch;
  std::vector<Index>& offsets = dispatch.offsets;
  offsets.assign(static_cast<std::size_t>(E + 1), 0);
  for (Index i = 0; i < T * K; i++)
    if (experts[i] >= 0) offsets[static_cast<std::size_t>(experts[i]) + 1]++;
  for (std::size_t e = 0; e < static_cast<std::size_t>(E); e++) offsets[e + 1] += offsets[e];

  dispatch.tokens.resize(static_cast<std::size_t>(offsets.back()));
  dispatch.slots.resize(static_cast<std::size_t>(offsets.back()));
  dispatch.positions.setConstant(T, K, -1);
  std::int32_t* positions = dispatch.positions.data();
  std::vector<Index> next(offsets.begin(), offsets.end() - 1);  // first free row of each expert
  Index i = 0;
  for (Index t = 0; t < T; t++) {
    for (Index k = 0; k < K; k++, i++) {
      if (experts[i] < 0) continue;
      const Index row = next[static_cast<std::size_t>(experts[i])]++;
      dispatch.tokens[static_cast<std::size_t>(row)] = t;
      dispatch.slots[static_cast<std::size_t>(row)] = k;
      positions[i] = static_cast<std::int32_t>(row);
    }
  }
  record(trace, "positions", dispatch.positions);
  return dispatch;
}

Matrix gather(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& x, Trace* trace,
              int threads) {
  const auto R = static_cast<Index>(dispatch.tokens.size());
  const Index D = x.cols();
  Matrix rows(R, D);
  constexpr Index together = 64;
  parallel_ranges(thread_count(threads), R, together, [&](Index first, Index last) {
    for (Index r = first; r < last; r++) {
      const Index t = dispatch.tokens[static_cast<std::size_t>(r)];
      const float* from = x.data() + t * x.outerStride();
      float* to = rows.data() + r * D;
      if (routing.weight_on == WeightOn::output) {
        std::copy(from, from + D, to);
      } else {
        const float weight = routing.weights(t, dispatch.slots[static_cast<std::size_t>(r)]);
        for (Index d = 0; d < D; d++) to[d] = weight * from[d];
      }
    }
  });
  record(trace, "dispatched", rows);
  return rows;
}

}  // namespace moe::cpu
