// What was tried beside the ladder's steps: other orders, tiles, pieces and distances. All have the
// reference's bits, because none cuts a chain.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/tried.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "tests/bench/ladder/fused-inl.h"
#include "tests/bench/ladder/ladder.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

static void planned_here(const Plan& plan, const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run<Single, 4>(plan, expert, x, y);
}

// Step 3's loop, turned into vectors by the compiler.
static void left_to_compiler_here(const Weights& w, const ConstMatrix& x, Matrix& y) {
  for (Index p = 0; p < w.count; p++) {
    for (Index t = 0; t < x.rows(); t++) {
      const float* values = w.panel(p);
      float sum[kPanel] = {};
      for (Index k = 0; k < w.K; k++, values += kPanel)
#pragma omp simd
        for (Index j = 0; j < kPanel; j++) sum[j] = std::fma(x(t, k), values[j], sum[j]);
      store(sum, t, 1, p, y);
    }
  }
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::ladder {
namespace {

HWY_EXPORT(planned_here);
HWY_EXPORT(left_to_compiler_here);

template <Plan plan>
void planned(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  HWY_DYNAMIC_DISPATCH(planned_here)(plan, expert, x, y);
}

void left_to_compiler(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(
      [](const Weights& w, const ConstMatrix& a, Matrix& b) {
        HWY_DYNAMIC_DISPATCH(left_to_compiler_here)(w, a, b);
      },
      expert, x, y);
}

// Step 2's other choice: outputs innermost, down a column of the weights.
void outputs_innermost(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  three_products(
      [](const Weights& w, const ConstMatrix& a, Matrix& b) {
        b.setZero();
        for (Index t = 0; t < a.rows(); t++)
          for (Index k = 0; k < w.K; k++)
            for (Index n = 0; n < w.N; n++) b(t, n) = std::fma(a(t, k), w.rows(n, k), b(t, n));
      },
      expert, x, y);
}

constexpr Step plan_step(const char* name, const char* idea, Run run) {
  return {name, idea, Layout::woven, run, false};
}

constexpr Step kTried[] = {
    {"outputs_innermost", "step 2 with outputs innermost", Layout::rows, outputs_innermost, false},
    {"left_to_compiler", "step 3, vectors left to the compiler", Layout::panels, left_to_compiler,
     false},
    plan_step("tile_6x16", "tile 6 x 16", planned<Plan{.height = 6, .together = 1}>),
    plan_step("tile_6x32", "tile 6 x 32", planned<Plan{.height = 6, .together = 2}>),
    plan_step("tile_6x64", "tile 6 x 64", planned<Plan{.height = 6, .together = 4}>),
    plan_step("tile_8x48", "tile 8 x 48", planned<Plan{.height = 8, .together = 3}>),
    plan_step("tile_12x16", "tile 12 x 16", planned<Plan{.height = 12, .together = 1}>),
    plan_step("tile_12x32", "tile 12 x 32 (step 9)", planned<Plan{.height = 12, .together = 2}>),
    plan_step("piece_64", "pieces of 64 k", planned<Plan{.piece = 64}>),
    plan_step("piece_128", "pieces of 128 k", planned<Plan{.piece = 128}>),
    plan_step("piece_256", "pieces of 256 k (step 9)", planned<Plan{.piece = 256}>),
    plan_step("piece_512", "pieces of 512 k", planned<Plan{.piece = 512}>),
    plan_step("piece_1024", "pieces of 1024 k", planned<Plan{.piece = 1024}>),
    plan_step("piece_all", "k in one piece", planned<Plan{.piece = 1 << 20}>),
    plan_step("no_fetch", "step 9 without prefetch", planned<Plan{.fetch = false}>),
    plan_step("one_panel", "one panel at a time", planned<Plan{.together = 1}>),
    plan_step("near_16", "a single tile fetches 16 k ahead", planned<Plan{.near = 16}>),
    plan_step("near_32", "a single tile fetches 32 k ahead", planned<Plan{.near = 32}>),
    plan_step("near_64", "a single tile fetches 64 k ahead", planned<Plan{.near = 64}>),
    plan_step("near_128", "a single tile fetches 128 k ahead", planned<Plan{.near = 128}>),
};

}  // namespace

std::span<const Step> tried() { return kTried; }

}  // namespace moe::ladder
#endif  // HWY_ONCE
