// Step 3: the weights are packed once, 16 rows side by side.
//
// A panel holds 16 outputs' weights of one k in one cache line, and the next k's in the next line:
// 16 chains run side by side over memory read from front to back. Weights are packed when a layer
// is prepared, so no call pays for it. One row has 16 chains now, which is what decoding gains.
//
// What limits it now: every multiply-add loads its own weight, so loads set the pace; and each
// weight is loaded again for every row.
#include <algorithm>
#include <cmath>

#include "tests/bench/ladder/ladder.h"

namespace moe::ladder {
namespace {

void product(const Weights& w, const ConstMatrix& x, Matrix& y) {
  for (Index p = 0; p < w.count; p++) {
    const Index width = std::min(kPanel, w.N - p * kPanel);
    for (Index t = 0; t < x.rows(); t++) {
      const float* values = w.panel(p);  // [K][16]
      float sum[kPanel] = {};
      for (Index k = 0; k < w.K; k++, values += kPanel)
        for (Index j = 0; j < kPanel; j++) sum[j] = std::fma(x(t, k), values[j], sum[j]);
      for (Index j = 0; j < width; j++) y(t, p * kPanel + j) = sum[j];
    }
  }
}

}  // namespace

void packing(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
