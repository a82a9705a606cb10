// Step 8's two halves of an expert, which steps 9 to 11 keep. They run any range of panels, so that
// step 11 can hand ranges to threads.

// Highway includes this file once per instruction set.
#if defined(EXACTMOE_LADDER_FUSED_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef EXACTMOE_LADDER_FUSED_INL_H
#undef EXACTMOE_LADDER_FUSED_INL_H
#else
#define EXACTMOE_LADDER_FUSED_INL_H
#endif

#include "reference/numerics/elementary.h"
#include "tests/bench/ladder/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

// silu(gate) * up over n values. The functions have no branch and no table, so this plain loop
// becomes vectors of the instruction set it is compiled for.
HWY_NOINLINE inline void silu_times(const float* gate, const float* up, float* hidden, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; i++) hidden[i] = numerics::silu(gate[i]) * up[i];
}

// Panels first .. last-1 of gate and up: both products and the activation while the values are in
// the first-level cache. The results go where the tiles of the second product want them.
template <class Kind, int kMost>
void first_half(const Plan& plan, const Rows& rows, const Weights& in, Index first, Index last,
                Index together, Rows& hidden) {
  const Index size = rows.T() * kPanel;
  const Index even = together * Kind::kPanels % 2 == 0 ? 1 : 2;
  const Index unit = together * Kind::kPanels * even * plan.batch;
  cpu::Buffer values(unit * size);
  for (Index p = 2 * first; p < 2 * last; p += unit) {
    const Index end = std::min(p + unit, 2 * last);
    float* c = values.data();
    multiply<Kind, kMost>(plan, rows, in, p / Kind::kPanels, end / Kind::kPanels, together, c);
    for (Index f = p / 2 * kPanel; f < end / 2 * kPanel; f += kPanel, c += 2 * size) {
      silu_times(c, c + size, c, size);
      const Index width = std::min(kPanel, hidden.K() - f);
      for (Index t = 0; t < hidden.count(); t++) {
        const Index R = hidden.rows(t);
        const float* from = c + hidden.begin(t) * kPanel;
        float* to = hidden.at(t, f);
        for (Index r = 0; r < R; r++, from += kPanel)
          for (Index j = 0; j < width; j++) to[j * R + r] = from[j];
      }
    }
  }
}

// Panels first .. last-1 of down's outputs, to rows from first_row on of y.
template <class Kind, int kMost>
void second_half(const Plan& plan, const Rows& hidden, const Weights& down, Index first, Index last,
                 Index together, Index first_row, Matrix& y) {
  const Index size = hidden.T() * kPanel;
  const Index unit = together * Kind::kPanels;
  cpu::Buffer c(unit * size);
  for (Index p = first; p < last; p += unit) {
    const Index end = std::min(p + unit, last);
    multiply<Kind, kMost>(plan, hidden, down, p / Kind::kPanels, divided_up(end, Kind::kPanels),
                          together, c.data());
    for (Index i = p; i < end; i++)
      store(c.data() + (i - p) * size, first_row, hidden.T(), i, y);
  }
}

// Lines that a tile of R rows takes together, kMost at most.
template <class Kind, int kMost>
Index together_for(const Plan& plan, Index R) {
  const Index fit = kAccumulators / (R * Kind::kPanels * kVectors);
  return std::clamp<Index>(plan.together > 0 ? std::min(plan.together, fit) : fit, 1, kMost);
}

// The whole expert, a block of rows at a time.
template <class Kind, int kMost>
void run(const Plan& plan, const Expert& expert, const ConstMatrix& x, Matrix& y) {
  const Index most = height(Kind::kPanels);
  const Index tile = plan.height > 0 ? std::min(plan.height, most) : most;
  for (Index row = 0; row < x.rows(); row += plan.rows) {
    const Index T = std::min(plan.rows, x.rows() - row);
    Rows rows(T, expert.D(), tile), hidden(T, expert.F(), tile);
    rows.set(x.middleRows(row, T));
    const Index together = together_for<Kind, kMost>(plan, divided_up(T, rows.count()));
    first_half<Kind, kMost>(plan, rows, expert.gate, 0, divided_up(expert.F(), kPanel), together,
                            hidden);
    second_half<Kind, kMost>(plan, hidden, expert.down, 0, divided_up(expert.D(), kPanel), together,
                             row, y);
  }
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // EXACTMOE_LADDER_FUSED_INL_H
