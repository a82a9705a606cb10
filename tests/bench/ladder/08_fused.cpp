// Step 8: gate, up and activation together (fused-inl.h).
//
// The panels of gate and up that belong to the same outputs lie side by side and are multiplied
// together, so the activation finds both in the first-level cache, vectorised, and writes the
// hidden values once, where the second product reads them.
//
// What limits it now: many rows, arithmetic. One row: a tile of one row and two panels is two
// chains of vectors, and two streams from memory.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/08_fused.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tests/bench/ladder/fused-inl.h"
#include "tests/bench/ladder/ladder.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

static void fused_here(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run<Single, kTogether>(Plan(), expert, x, y);
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::ladder {

HWY_EXPORT(fused_here);
void fused(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  HWY_DYNAMIC_DISPATCH(fused_here)(expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
