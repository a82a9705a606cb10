// Step 9: few rows take several panels together.
//
// A tile of few rows leaves registers empty: it takes up to four panels. That is as many more
// chains, and as many streams from memory, which fill the memory's pipes better than one.
//
// What limits it now: one row, the memory: each weight is read once and used once. The only way on
// is fewer bytes.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/09_few_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tests/bench/ladder/fused-inl.h"
#include "tests/bench/ladder/ladder.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

static void few_rows_here(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run<Single, 4>(Plan(), expert, x, y);  // 4, where step 8 has 2 or 1
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::ladder {

HWY_EXPORT(few_rows_here);
void few_rows(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  HWY_DYNAMIC_DISPATCH(few_rows_here)(expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
