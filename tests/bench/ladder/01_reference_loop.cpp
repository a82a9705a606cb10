// Step 1: the loop of reference/linear.cpp.
//
// What limits it: one chain at a time. Each multiply-add needs the result of the one before and
// waits for it, 4 cycles; a core could start two vectors of 16 in every one of them. That is one
// 128th of what it can do, whatever the memory does.
#include <cmath>

#include "tests/bench/ladder/ladder.h"

namespace moe::ladder {
namespace {

void product(const Weights& w, const ConstMatrix& x, Matrix& y) {
  for (Index t = 0; t < x.rows(); t++) {
    for (Index n = 0; n < w.N; n++) {
      float sum = 0;
      for (Index k = 0; k < w.K; k++) sum = std::fma(x(t, k), w.rows(n, k), sum);
      y(t, n) = sum;
    }
  }
}

}  // namespace

void reference_loop(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(product, expert, x, y);
}

}  // namespace moe::ladder
