// Step 10: weights of 16 bits.
//
// A bf16 number is the upper half of a binary32 number, so decoding is exact: the chain runs over
// decoded weights and nothing about it changes. Two panels share a line, one in the low halves of
// 32 bits and one in the high: a shift gives the first, a mask the second, and no lane moves. Both
// are done once a line and used by all rows of a tile.
//
// What limits it now: one row, still the memory, at half the bytes; many rows, arithmetic, and the
// decoding that goes with each tile: 2 instructions for 2 R multiply-adds.
#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ladder/10_bf16.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tests/bench/ladder/fused-inl.h"
#include "tests/bench/ladder/ladder.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

struct Halves {
  static constexpr int kPanels = 2;  // in each line
  template <int P>
  static HWY_INLINE void load(const float* b, Index stride, V (&w)[2 * P * kVectors]) {
    const hn::RebindToUnsigned<decltype(kTag)> words;
#pragma GCC unroll 16
    for (int n = 0; n < P * kVectors; n++) {
      const auto both = hn::BitCast(words, hn::LoadU(kTag, b + place(n, stride)));
      const int low = n / kVectors * 2 * kVectors + n % kVectors;  // vector of the first panel
      w[low] = hn::BitCast(kTag, hn::ShiftLeft<16>(both));
      w[low + kVectors] = hn::BitCast(kTag, hn::And(both, hn::Set(words, 0xffff0000U)));
    }
  }
  template <int R, int P>
  static void tile(const Call& call) {
    piece<Halves, R, P>(call);
  }
};

static void bf16_here(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  run<Halves, 4>(Plan(), expert, x, y);
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::ladder {

HWY_EXPORT(bf16_here);
void bf16(const Expert& expert, const ConstMatrix& x, Matrix& y) {
  HWY_DYNAMIC_DISPATCH(bf16_here)(expert, x, y);
}

}  // namespace moe::ladder
#endif  // HWY_ONCE
