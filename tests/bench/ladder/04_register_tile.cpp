// Step 4: a tile of several rows and outputs whose chains stay in registers.
//
// 3 rows and 4 outputs are 12 chains: enough to hide a latency of 4 cycles at two multiply-adds a
// cycle, and few enough for the 16 registers of the oldest machines meant. One k loads 3 + 4
// values for 12 multiply-adds, where the step before loads one for each. So that those values lie
// together, the rows are packed too, in every call: T K values copied for T K N multiply-adds.
//
// What limits it now: multiply-adds of one value each. A register could hold 8 or 16.
#include <algorithm>
#include <cmath>

#include "tests/bench/ladder/ladder.h"
#include "tests/bench/ladder/rows.h"

namespace moe::ladder {
namespace {

constexpr Index kHeight = 3, kWidth = 4;

// c[r][j] = chain over k of a[k][r] * b[k][j]; b's k are 16 apart, c's rows `stride`.
template <Index R>
void tile(const float* a, const float* b, Index K, float* c, Index stride, Index width) {
  float sum[R][kWidth] = {};
  for (Index k = 0; k < K; k++, a += R, b += kPanel)
    for (Index r = 0; r < R; r++)
      for (Index j = 0; j < kWidth; j++) sum[r][j] = std::fma(a[r], b[j], sum[r][j]);
  for (Index r = 0; r < R; r++) std::copy(sum[r], sum[r] + width, c + r * stride);
}

constexpr decltype(&tile<1>) kTiles[kHeight] = {tile<1>, tile<2>, tile<3>};

void product(const Weights& w, const ConstMatrix& x, Matrix& y) {
  Rows rows(x.rows(), w.K, kHeight);
  rows.set(x);
  for (Index n = 0; n < w.N; n += kWidth) {  // 4 of a panel's 16 outputs
    const float* b = w.panel(n / kPanel) + n % kPanel;
    for (Index t = 0; t < rows.count(); t++)
      kTiles[rows.rows(t) - 1](rows.at(t, 0), b, w.K, y.data() + rows.begin(t) * w.N + n, w.N,
                               std::min(kWidth, w.N - n));
  }
}

}  // namespace

void register_tile(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
