// Dispatch, first part: who finds a place where experts take a limited number.
#include <algorithm>
#include <cmath>

#include "reference/dispatch.h"
#include "reference/numerics/place_in_line.h"

namespace moe::reference {
namespace {

struct Pair {
  Index t, k;
  numerics::PlaceInLine place;
};

numerics::PlaceInLine place_in_line(Priority priority, const Routing& routing,
                                    Index t, Index k) {
  const auto token = static_cast<std::uint32_t>(t);
  const auto slot = static_cast<std::uint32_t>(k);
  switch (priority) {
    case Priority::choice:
      return numerics::by_choice(token, slot);
    case Priority::token:
      return numerics::by_token(token, slot);
    case Priority::score:
      return numerics::by_score(token, slot, routing.chosen_scores(t, k));
    case Priority::confidence:
      return numerics::by_confidence(token, slot, routing.chosen_scores(t, 0));
  }
  return {};
}

}  // namespace

IntMatrix places_found(const Capacity& capacity, const Routing& routing,
                       Index E) {
  const Index T = routing.selected.rows();
  const Index K = routing.selected.cols();
  const Index size = capacity.group == 0 ? T : capacity.group;
  const Index C = places(capacity, size, E, K);
  IntMatrix placed = IntMatrix::Zero(T, K);
  for (Index first = 0; first < T; first += size) {
    std::vector<Pair> line;
    for (Index t = first; t < std::min(T, first + size); t++)
      for (Index k = 0; k < K; k++)
        if (routing.selected(t, k) >= 0)
          line.push_back(
              {t, k, place_in_line(capacity.priority, routing, t, k)});
    std::sort(line.begin(), line.end(), [](const Pair& a, const Pair& b) {
      return numerics::goes_before(a.place, b.place);
    });
    std::vector<Index> taken(std::size_t(E), 0);
    for (const Pair& pair : line)
      if (taken[std::size_t(routing.selected(pair.t, pair.k))]++ < C)
        placed(pair.t, pair.k) = 1;
  }
  return placed;
}

void drop_weights(const Capacity& capacity, const Dispatch& dispatch,
                  Routing& routing, Trace* trace) {
  for (Index t = 0; t < routing.weights.rows(); t++) {
    float sum = 0;
    for (Index k = 0; k < routing.weights.cols(); k++)
      if (dispatch.positions(t, k) >= 0)
        sum = sum + routing.chosen_scores(t, k);
    float divisor = sum + capacity.epsilon;
    if (capacity.after == Normalisation::max_sum)
      divisor = sum < capacity.epsilon ? capacity.epsilon : sum;
    for (Index k = 0; k < routing.weights.cols(); k++) {
      if (dispatch.positions(t, k) < 0)
        routing.weights(t, k) = 0;
      else if (capacity.after != Normalisation::none)
        routing.weights(t, k) = routing.chosen_scores(t, k) / divisor;
    }
  }
  record(trace, "kept_weights", routing.weights);
}

}  // namespace moe::reference
