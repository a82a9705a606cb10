// Step 5: the tile in vectors.
//
// Lanes are outputs: a register holds 8 or 16 chains, each still in its own order. One k loads the
// panel's line and, for each row, one value broadcast to a whole register. The tile has as many
// accumulators as registers allow (vectors.h says how many): R rows of P panels load P lines and R
// broadcasts for R P of them, so two panels (AVX-512) make loads no limit, where one would.
//
// What limits it now: with more rows than a tile has, the panels come again for each tile, from the
// second-level cache; the activation, one value at a time; and one row is P chains of vectors, half
// of what the latency wants.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/05_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "tests/bench/ladder/ladder.h"
#include "tests/bench/ladder/rows.h"
#include "tests/bench/ladder/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

// c[p][r][16] = chains over k of a[k][R] * b[k][16], P panels `stride` apart.
struct Whole {
  static constexpr int kPanels = 1;  // in each line
  template <int R, int P>
  static void tile(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, Index stride, Index K,
                   float* c) {
    V sum[P * kVectors][R];
    for (auto& column : sum)
      for (auto& chain : column) chain = hn::Zero(kTag);
    for (Index k = 0; k < K; k++, a += R, b += kPanel) {
      V w[P * kVectors];
      for (int n = 0; n < P * kVectors; n++) w[n] = hn::LoadU(kTag, b + place(n, stride));
      for (int r = 0; r < R; r++) {
        const V value = hn::Set(kTag, a[r]);
        for (int n = 0; n < P * kVectors; n++) sum[n][r] = hn::MulAdd(value, w[n], sum[n][r]);
      }
    }
    for (int n = 0; n < P * kVectors; n++)
      for (int r = 0; r < R; r++) hn::StoreU(sum[n][r], kTag, c + place(n, R * kPanel) + r * kPanel);
  }
};

static void product_here(const Weights& w, const ConstMatrix& x, Matrix& y) {
  Rows rows(x.rows(), w.K, kHeight);
  rows.set(x);
  float c[kTogether * kHeight * kPanel];
  for (Index p = 0; p < w.count; p += kTogether) {
    const Index P = std::min<Index>(kTogether, w.count - p);
    for (Index t = 0; t < rows.count(); t++) {
      const Index R = rows.rows(t);
      kernel<Whole, kTogether>(R, P)(rows.at(t, 0), w.panel(p), w.K * kPanel, w.K, c);
      for (Index i = 0; i < P; i++) store(c + i * R * kPanel, rows.begin(t), R, p + i, y);
    }
  }
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

void simd(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
