// Step 7: the next piece of weights is fetched while this one is used (multiply-inl.h).
//
// What limits it now: outside the products, the activation; and gate and up go to memory and come
// back in between.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/07_prefetch.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tests/bench/ladder/ladder.h"
#include "tests/bench/ladder/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

static void block(const Weights& w, const ConstMatrix& x, Index first, Matrix& y) {
  Rows rows(x.rows(), w.K, kHeight);
  rows.set(x);
  const Index c_stride = x.rows() * kPanel;
  cpu::Buffer c(kTogether * c_stride);
  for (Index p = 0; p < w.count; p += kTogether) {
    const Index last = std::min<Index>(p + kTogether, w.count);
    multiply<Single, kTogether>(Plan(), rows, w, p, last, kTogether, c.data());
    for (Index i = p; i < last; i++) store(c.data() + (i - p) * c_stride, first, x.rows(), i, y);
  }
}

static void product_here(const Weights& w, const ConstMatrix& x, Matrix& y) {
  for (Index first = 0; first < x.rows(); first += Plan().rows)
    block(w, x.middleRows(first, std::min(Plan().rows, x.rows() - first)), first, y);
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

void prefetch(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
