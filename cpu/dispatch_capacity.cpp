// Dispatch, first part: who finds a place where experts take a limited number. Integer work of a
// few operations per pair; only two priorities need a sort.
#include <algorithm>

#include "cpu/dispatch.h"
#include "reference/numerics/place_in_line.h"

namespace moe::cpu {
namespace {

// The places of one group of tokens, handed out first come, first served.
class Desk {
 public:
  Desk(const Routing& routing, Index E, Index C, IntMatrix& placed)
      : routing_(routing), C_(C), placed_(placed), taken_(static_cast<std::size_t>(E), 0) {}
  void serve(Index t, Index k) {
    const std::int32_t e = routing_.selected(t, k);
    if (e >= 0 && taken_[static_cast<std::size_t>(e)]++ < C_) placed_(t, k) = 1;
  }

 private:
  const Routing& routing_;
  Index C_;
  IntMatrix& placed_;
  std::vector<Index> taken_;
};

struct Pair {
  numerics::PlaceInLine place;
  Index t, k;
};

// The pairs of tokens first .. last-1 by their scores. All places differ, so any sort makes this
// line.
std::vector<Pair> line_by_score(Priority priority, const Routing& routing, Index first,
                                Index last) {
  std::vector<Pair> line;
  for (Index t = first; t < last; t++) {
    const auto token = static_cast<std::uint32_t>(t);
    for (Index k = 0; k < routing.selected.cols(); k++) {
      const auto slot = static_cast<std::uint32_t>(k);
      const auto place = priority == Priority::score
                             ? numerics::by_score(token, slot, routing.chosen_scores(t, k))
                             : numerics::by_confidence(token, slot, routing.chosen_scores(t, 0));
      line.push_back({place, t, k});
    }
  }
  std::ranges::sort(line, numerics::goes_before, &Pair::place);
  return line;
}

void serve_group(Priority priority, const Routing& routing, Index first, Index last, Desk& desk) {
  const Index K = routing.selected.cols();
  switch (priority) {
    case Priority::choice:
      for (Index k = 0; k < K; k++)
        for (Index t = first; t < last; t++) desk.serve(t, k);
      return;
    case Priority::token:
      for (Index t = first; t < last; t++)
        for (Index k = 0; k < K; k++) desk.serve(t, k);
      return;
    case Priority::score:
    case Priority::confidence:
      for (const Pair& pair : line_by_score(priority, routing, first, last))
        desk.serve(pair.t, pair.k);
      return;
  }
}

}  // namespace

IntMatrix places_found(const Capacity& capacity, const Routing& routing, Index E) {
  const Index T = routing.selected.rows();
  const Index K = routing.selected.cols();
  const Index size = capacity.group == 0 ? T : capacity.group;
  const Index C = places(capacity, size, E, K);
  IntMatrix placed = IntMatrix::Zero(T, K);
  for (Index first = 0; first < T; first += size) {
    Desk desk(routing, E, C, placed);
    serve_group(capacity.priority, routing, first, std::min(T, first + size), desk);
  }
  return placed;
}

void drop_weights(const Capacity& capacity, const Dispatch& dispatch, Routing& routing,
                  Trace* trace) {
  const Index K = routing.weights.cols();
  for (Index t = 0; t < routing.weights.rows(); t++) {
    float sum = 0;  // of the kept slots' scores; order: k ascending
    for (Index k = 0; k < K; k++)
      if (dispatch.positions(t, k) >= 0) sum = sum + routing.chosen_scores(t, k);
    float divisor = sum + capacity.epsilon;
    if (capacity.after == Normalisation::max_sum)
      divisor = sum < capacity.epsilon ? capacity.epsilon : sum;
    for (Index k = 0; k < K; k++) {
      if (dispatch.positions(t, k) < 0)
        routing.weights(t, k) = 0;
      else if (capacity.after != Normalisation::none)
        routing.weights(t, k) = routing.chosen_scores(t, k) / divisor;
    }
  }
  record(trace, "kept_weights", routing.weights);
}

}  // namespace moe::cpu
