// Step 6: pieces of k and of rows that stay in the caches.
//
// A panel is read once for each tile of rows. 256 k of two panels are 32 KiB: they stay in the
// first-level cache while all tiles use them. Between two pieces the chains wait in c, as the same
// 32 bits, so the cut shows in no result. 192 rows at a time keep rows and c in the second level.
//
// What limits it now: the first tile that uses a piece waits for it to come from memory, and the
// activation is still one value at a time.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/06_cache_blocking.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tests/bench/ladder/ladder.h"
#include "tests/bench/ladder/piece-inl.h"
#include "tests/bench/ladder/rows.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

constexpr Index kPiece = 256;
constexpr Index kRows = 192;

// y [T,N], rows first .. first + x.rows() - 1.
static void block(const Weights& w, const ConstMatrix& x, Index first, Matrix& y) {
  Rows rows(x.rows(), w.K, kHeight);
  rows.set(x);
  const Index c_stride = x.rows() * kPanel;
  cpu::Buffer c(kTogether * c_stride);
  for (Index p = 0, P; p < w.count; p += P) {
    P = std::min<Index>(kTogether, w.count - p);
    for (Index k = 0; k == 0 || k < w.K; k += kPiece)
      for (Index t = 0; t < rows.count(); t++)
        kernel<Single, kTogether>(rows.rows(t), P)({.a = rows.at(t, k),
                                                    .b = w.panel(p) + k * kPanel,
                                                    .b_stride = w.K * kPanel,
                                                    .length = std::min(kPiece, w.K - k),
                                                    .c = c.data() + rows.begin(t) * kPanel,
                                                    .c_stride = c_stride,
                                                    .resume = k > 0,
                                                    .ahead = nullptr,
                                                    .ahead_lines = 0});
    for (Index i = 0; i < P; i++) store(c.data() + i * c_stride, first, x.rows(), p + i, y);
  }
}

static void product_here(const Weights& w, const ConstMatrix& x, Matrix& y) {
  for (Index first = 0; first < x.rows(); first += kRows)
    block(w, x.middleRows(first, std::min(kRows, x.rows() - first)), first, y);
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::ladder {
namespace {

HWY_EXPORT(product_here);
void product(const Weights& w, const ConstMatrix& x, Matrix& y) {
  HWY_DYNAMIC_DISPATCH(product_here)(w, x, y);
}

}  // namespace

void cache_blocking(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
