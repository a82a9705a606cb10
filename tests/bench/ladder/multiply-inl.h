// Step 7's loops, which steps 8 to 11 keep.

// Highway includes this file once per instruction set.
#if defined(EXACTMOE_LADDER_MULTIPLY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef EXACTMOE_LADDER_MULTIPLY_INL_H
#undef EXACTMOE_LADDER_MULTIPLY_INL_H
#else
#define EXACTMOE_LADDER_MULTIPLY_INL_H
#endif

#include "tests/bench/ladder/piece-inl.h"
#include "tests/bench/ladder/rows.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

// c [panel][T][16] = rows times lines first .. last-1 of w, `together` at a time.
//
// While a piece is in use, the piece that comes next is on its way: the same panels' next k, then
// the next panels' first. Each tile fetches its share, a few lines every stretch, because all at once
// would fill the queue of misses. A single tile reads in order, which the processor foresees.
template <class Kind, int kMost>
void multiply(const Plan& plan, const Rows& rows, const Weights& w, Index first, Index last,
              Index together, float* c) {
  const Index c_stride = rows.T() * kPanel, b_stride = w.K * kPanel;
  const bool several = rows.count() > 1;
  const Index piece = several ? plan.piece : std::max<Index>(1, w.K);
  for (Index p = first, P; p < last; p += P) {
    P = std::min(together, last - p);
    for (Index k = 0; k == 0 || k < w.K; k += piece) {
      const float* b = w.panel(p) + k * kPanel;
      const Index length = std::min(piece, w.K - k);
      const bool more = k + piece < w.K;
      const Index next = more ? std::min(piece, w.K - k - piece) : std::min(piece, w.K);
      const Index stretches = length / kStretch;
      const bool fetch = several && plan.fetch && stretches > 0 && (more || p + 2 * P <= w.count);
      const float* ahead = more ? b + piece * kPanel : w.panel(p + P);
      Index lines = fetch ? divided_up(next, stretches * rows.count()) : 0;
      if (!several && plan.near != 0) {
        const bool next_panels = plan.near == kNextPanels;
        ahead = next_panels ? w.panel(p + P) : b + plan.near * kPanel;
        lines = next_panels && p + 2 * P > w.count ? 0 : kStretch;
      }
      for (Index t = 0; t < rows.count(); t++) {
        kernel<Kind, kMost>(rows.rows(t), P)({.a = rows.at(t, k),
                                              .b = b,
                                              .b_stride = b_stride,
                                              .length = length,
                                              .c = c + rows.begin(t) * kPanel,
                                              .c_stride = c_stride,
                                              .resume = k > 0,
                                              .ahead = ahead,
                                              .ahead_lines = lines});
        ahead += stretches * lines * kPanel;
      }
    }
    c += P * Kind::kPanels * c_stride;
  }
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // EXACTMOE_LADDER_MULTIPLY_INL_H
