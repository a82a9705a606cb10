// Step 2: rows innermost.
//
// A chain must stay in order; different chains need not wait for each other. With the rows
// innermost, T chains are under way, and each weight is read once for all of them.
//
// What limits it now: x is walked down a column, a step of K values. Where K is a multiple of 1024
// all rows of a column fall into one set of the first-level cache, which holds 8 or 12 lines of it;
// and one row alone is still one chain.
#include <algorithm>
#include <cmath>

#include "tests/bench/ladder/ladder.h"

namespace moe::ladder {
namespace {

void product(const Weights& w, const ConstMatrix& x, Matrix& y) {
  Vector sum(x.rows());  // [T], the chains of one output
  for (Index n = 0; n < w.N; n++) {
    sum.setZero();
    for (Index k = 0; k < w.K; k++) {
      const float weight = w.rows(n, k);
      for (Index t = 0; t < x.rows(); t++) sum[t] = std::fma(x(t, k), weight, sum[t]);
    }
    for (Index t = 0; t < x.rows(); t++) y(t, n) = sum[t];
  }
}

}  // namespace

void loop_order(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
