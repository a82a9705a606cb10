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
  run<Single, 8>(plan, expert, x, y);
}

// bf16 weights in the order of the panels: each half line is widened, then shifted.
struct Joined {
  static constexpr int kPanels = 2;
  template <int P>
  static HWY_INLINE void load(const float* b, Index stride, V (&w)[2 * P * kVectors]) {
    const hn::RebindToUnsigned<decltype(kTag)> words;
    const hn::Rebind<std::uint16_t, decltype(kTag)> halves;
#pragma GCC unroll 16
    for (int n = 0; n < 2 * P * kVectors; n++) {
      const auto* line = reinterpret_cast<const std::uint16_t*>(b + n / (2 * kVectors) * stride);
      const auto half = hn::LoadU(halves, line + n % (2 * kVectors) * kLanes);
      w[n] = hn::BitCast(kTag, hn::ShiftLeft<16>(hn::PromoteTo(words, half)));
    }
  }
  template <int R, int P>
  static void tile(const Call& call) {
    piece<Joined, R, P>(call);
  }
};
static void joined_here(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run<Joined, 4>(Plan(), expert, x, y);
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
HWY_EXPORT(joined_here);
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

void joined(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  HWY_DYNAMIC_DISPATCH(joined_here)(expert, x, y);
}

// Step 11's tasks: one for each thread, or many of one size.
void one_each(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run_threads(
      [](Index n, int count) {
        std::vector<Index> bounds{0};
        for (int i = 1; i <= count; i++) bounds.push_back(i == count ? n : n * i / count / 4 * 4);
        return bounds;
      },
      expert, x, y);
}
void four_panels(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run_threads(
      [](Index n, int) {
        std::vector<Index> bounds{0};
        while (bounds.back() < n) bounds.push_back(std::min(n, bounds.back() + 4));
        return bounds;
      },
      expert, x, y);
}

// Step 9 with other numbers, for T rows.
constexpr Step other(Index T, const char* name, const char* idea, Run run) {
  return {name, idea, Layout::woven, run, false, T};
}

constexpr Index kMany = 64;
constexpr Step kTried[] = {
    {"outputs_innermost", "step 2 with outputs innermost", Layout::rows, outputs_innermost, false},
    {"left_to_compiler", "step 3, vectors left to the compiler", Layout::panels, left_to_compiler,
     false},
    other(kMany, "tile_6x16", "tile 6 x 16", planned<Plan{.height = 6, .together = 1}>),
    other(kMany, "tile_6x32", "tile 6 x 32", planned<Plan{.height = 6, .together = 2}>),
    other(kMany, "tile_6x64", "tile 6 x 64",
          planned<Plan{.height = 6, .together = 4}>),
    other(kMany, "tile_8x48", "tile 8 x 48", planned<Plan{.height = 8, .together = 3}>),
    other(kMany, "tile_12x16", "tile 12 x 16", planned<Plan{.height = 12, .together = 1}>),
    other(kMany, "tile_12x32", "tile 12 x 32 (step 9)",
          planned<Plan{.height = 12, .together = 2}>),
    other(kMany, "piece_64", "pieces of 64 k", planned<Plan{.piece = 64}>),
    other(kMany, "piece_128", "pieces of 128 k", planned<Plan{.piece = 128}>),
    other(kMany, "piece_256", "pieces of 256 k (step 9)", planned<Plan{.piece = 256}>),
    other(kMany, "piece_512", "pieces of 512 k", planned<Plan{.piece = 512}>),
    other(kMany, "piece_1024", "pieces of 1024 k", planned<Plan{.piece = 1024}>),
    other(kMany, "piece_all", "k in one piece", planned<Plan{.piece = 1 << 20}>),
    other(kMany, "no_fetch", "step 9 without prefetch", planned<Plan{.fetch = false}>),
    other(kMany, "no_fetch_all", "without prefetch, k in one piece",
          planned<Plan{.piece = 1 << 20, .fetch = false}>),
    other(1, "one_panel", "1 panel at a time", planned<Plan{.together = 1}>),
    other(1, "two_panels", "2 panels together", planned<Plan{.together = 2}>),
    other(1, "four_together", "4 panels together (step 9)", planned<Plan{.together = 4}>),
    other(1, "eight_together", "8 panels together", planned<Plan{.together = 8}>),
    other(1, "near_one", "4 panels, each fetched 64 k ahead", planned<Plan{.near = 64}>),
    other(1, "batch_8", "activation of 16 panels at once", planned<Plan{.together = 4, .batch = 8}>),
    other(8, "one_tile", "one tile of 8 rows (step 9)", planned<Plan{}>),
    other(8, "near_16", "and its panels fetched 16 k ahead", planned<Plan{.near = 16}>),
    other(8, "near_64", "64 k ahead", planned<Plan{.near = 64}>),
    other(8, "near_next", "the next panels", planned<Plan{.near = kNextPanels}>),
    other(8, "tile_4", "two tiles of 4 rows, prefetch as in step 7", planned<Plan{.height = 4}>),
    other(8, "tile_4_128", "and pieces of 128 k", planned<Plan{.height = 4, .piece = 128}>),
    other(8, "tile_4_512", "and pieces of 512 k", planned<Plan{.height = 4, .piece = 512}>),
    other(8, "tile_3", "three tiles of 3 rows at most", planned<Plan{.height = 3}>),
    other(8, "tile_3_128", "and pieces of 128 k", planned<Plan{.height = 3, .piece = 128}>),
    {"joined", "bf16 widened half line by half line", Layout::joined, joined, false},
    {"one_each", "one task for each thread", Layout::woven, one_each, true},
    {"four_panels", "tasks of 4 panels", Layout::woven, four_panels, true},
};

}  // namespace

std::span<const Step> tried() { return kTried; }

}  // namespace moe::ladder
#endif  // HWY_ONCE
