// Step 11: threads, each taking the largest task that is left.
//
// Outputs are independent, so panels are handed out; a chain is never cut, and which thread runs it
// shows in no result. The first tasks are large, for the sake of the caches, and each next one is a
// share of what is left, so that the threads end at nearly the same time though one may be slower.
// Between the halves all wait: a hidden row is read only when all of it is there.
//
// What limits it now: many rows, the arithmetic of all cores; one row, the memory they share.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/11_threads.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <functional>
#include <vector>

#include "cpu/parallel.h"
#include "tests/bench/ladder/fused-inl.h"
#include "tests/bench/ladder/ladder.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

static Index height_here() {
  return kHeight;
}
static void first_half_here(const Rows& rows, const Weights& in, Index first, Index last, Rows& hidden) {
  const Index together = together_for<Single, 4>(Plan(), rows.rows(rows.count() - 1));
  first_half<Single, 4>(Plan(), rows, in, first, last, together, hidden);
}
static void second_half_here(const Rows& hidden, const Weights& down, Index first, Index last, Index row,
                      Matrix& y) {
  const Index together = together_for<Single, 4>(Plan(), hidden.rows(hidden.count() - 1));
  second_half<Single, 4>(Plan(), hidden, down, first, last, together, row, y);
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::ladder {
namespace {

HWY_EXPORT(height_here);
HWY_EXPORT(first_half_here);
HWY_EXPORT(second_half_here);

// Boundaries of tasks over n panels, largest first: each takes half of a thread's share of what is
// left, in multiples of 4, which every tile divides.
std::vector<Index> shrinking(Index n, int threads) {
  std::vector<Index> bounds{0};
  while (bounds.back() < n) {
    const Index share = (n - bounds.back()) / (2 * threads) / 4 * 4;
    bounds.push_back(std::min(n, bounds.back() + std::max<Index>(4, share)));
  }
  return bounds;
}

void for_ranges(Cut cut, Index n, const std::function<void(Index, Index)>& body) {
  const int threads = cpu::thread_count(0);
  const std::vector<Index> bounds = cut(n, threads);
  cpu::parallel_for(threads, static_cast<Index>(bounds.size()) - 1, [&](Index i, int) {
    body(bounds[static_cast<std::size_t>(i)], bounds[static_cast<std::size_t>(i) + 1]);
  });
}

}  // namespace

void run_threads(Cut cut, const Expert& expert, const ConstMatrix& x, Matrix& y) {
  constexpr Index kRows = Plan().rows;
  const Index height = HWY_DYNAMIC_DISPATCH(height_here)();
  for (Index row = 0; row < x.rows(); row += kRows) {
    const ConstMatrix own = x.middleRows(row, std::min(kRows, x.rows() - row));
    Rows rows(own.rows(), expert.D(), height), hidden(own.rows(), expert.F(), height);
    cpu::parallel_for(cpu::thread_count(0), rows.count(),
                      [&](Index tile, int) { rows.set(tile, own); });
    for_ranges(cut, divided_up(expert.F(), kPanel), [&](Index first, Index last) {
      HWY_DYNAMIC_DISPATCH(first_half_here)(rows, expert.gate, first, last, hidden);
    });
    for_ranges(cut, divided_up(expert.D(), kPanel), [&](Index first, Index last) {
      HWY_DYNAMIC_DISPATCH(second_half_here)(hidden, expert.down, first, last, row, y);
    });
  }
}

void threads(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run_threads(shrinking, expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
