#include "cpu/combine.h"

#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/combine.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "cpu/available.h"
#include "cpu/buffer.h"
#include "cpu/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace moe::cpu::HWY_NAMESPACE {

// sum[d] = fma(weight, row[d], sum[d])
void add_weighted_here(float weight, const float* row, float* sum, Index D) {
#pragma omp simd
  for (Index d = 0; d < D; d++) sum[d] = std::fma(weight, row[d], sum[d]);
}

}  // namespace moe::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::cpu {
namespace {

HWY_EXPORT(add_weighted_here);

constexpr Index kTogether = 16;  // tokens per task

void add_shared(const Beside& beside, Index t, float* y, Index D) {
  if (beside.keep != nullptr)
    for (Index d = 0; d < D; d++) y[d] = beside.keep[t] * y[d];
  if (beside.shared == nullptr) return;
  const float* more = beside.shared + t * D;
  for (Index d = 0; d < D; d++) y[d] = y[d] + more[d];
}

}  // namespace

void add_shared(const Beside& beside, Matrix& y, int threads) {
  const Index D = y.cols();
  parallel_ranges(thread_count(threads), y.rows(), kTogether, [&](Index first, Index last) {
    for (Index t = first; t < last; t++) add_shared(beside, t, y.data() + t * D, D);
  });
}

void combine_and_add(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
                     const Beside& beside, float* y, int threads) {
  require_available();
  const Index T = dispatch.positions.rows();
  const Index K = dispatch.positions.cols();
  const Index D = rows.cols();
  const bool weighted = routing.weight_on == WeightOn::output;
  parallel_ranges(thread_count(threads), T, kTogether, [&](Index first, Index last) {
    for (Index t = first; t < last; t++) {
      float* sum = y + t * D;
      std::fill(sum, sum + D, 0.0F);
      for (Index k = 0; k < K; k++) {
        if (dispatch.positions(t, k) < 0) continue;  // nobody computed it
        const float weight = weighted ? routing.weights(t, k) : 1.0F;
        const float* row = rows.data() + dispatch.positions(t, k) * rows.outerStride();
        HWY_DYNAMIC_DISPATCH(add_weighted_here)(weight, row, sum, D);
      }
      if (beside.combined != nullptr) std::copy(sum, sum + D, beside.combined + t * D);
      add_shared(beside, t, sum, D);
    }
  });
}

Matrix combine(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
               Trace* trace, int threads) {
  Matrix y = new_matrix(dispatch.positions.rows(), rows.cols());
  combine_and_add(dispatch, routing, rows, {}, y.data(), threads);
  record(trace, "combined", y);
  return y;
}

}  // namespace moe::cpu
#endif  // HWY_ONCE
