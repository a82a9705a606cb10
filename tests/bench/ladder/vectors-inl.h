// What the steps with vectors share: the shape of a tile, and tables of its kernels.

// Highway includes this file once per instruction set.
#if defined(EXACTMOE_LADDER_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef EXACTMOE_LADDER_VECTORS_INL_H
#undef EXACTMOE_LADDER_VECTORS_INL_H
#else
#define EXACTMOE_LADDER_VECTORS_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tests/bench/ladder/ladder.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, kPanel> kTag;
using V = hn::Vec<decltype(kTag)>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(kTag));
constexpr int kVectors = static_cast<int>(kPanel) / kLanes;  // of one line of a panel

#if HWY_TARGET <= HWY_AVX3
constexpr int kHeight = 12;        // rows of a tile at most
constexpr int kAccumulators = 24;  // of 32 registers
#elif HWY_TARGET == HWY_AVX2
constexpr int kHeight = 6;
constexpr int kAccumulators = 12;  // of 16
#else
constexpr int kHeight = 6;
constexpr int kAccumulators = 24;  // AArch64: of 32
#endif
constexpr int kTogether = kAccumulators / (kHeight * kVectors);  // panels of a full tile

// Rows of a tile at most, where each line of weights holds `panels` panels.
constexpr int height(int panels) {
  return std::min(kHeight, kAccumulators / (panels * kVectors));
}

// Where vector n of a row begins: vectors fill one panel after the other, `stride` apart.
constexpr Index place(int n, Index stride) {
  return n / kVectors * stride + n % kVectors * kLanes;
}

// Kind::tile<R, P> for R rows and P panels, P at most Most and as many as registers allow.
template <class Kind, int Most, int R, int P>
constexpr auto entry() {
  using Kernel = decltype(&Kind::template tile<1, 1>);
  if constexpr (P <= Most && R * P * kVectors * Kind::kPanels <= kAccumulators)
    return &Kind::template tile<R, P>;
  else
    return Kernel{nullptr};
}
template <class Kind, int Most, int R, int... P>
constexpr auto row(std::integer_sequence<int, P...>) {
  return std::array{entry<Kind, Most, R, P + 1>()...};
}
template <class Kind, int Most, int... R>
constexpr auto table(std::integer_sequence<int, R...>) {
  return std::array{row<Kind, Most, R + 1>(std::make_integer_sequence<int, Most>())...};
}
template <class Kind, int Most>
auto kernel(Index R, Index P) {
  static constexpr auto kTable = table<Kind, Most>(std::make_integer_sequence<int, kHeight>());
  return kTable[static_cast<std::size_t>(R - 1)][static_cast<std::size_t>(P - 1)];
}

// What a tile left in c [R][16], as far as outputs 16 p, 16 p + 1, ... exist, to rows of y.
inline void store(const float* c, Index first_row, Index R, Index p, Matrix& y) {
  const Index width = std::min(kPanel, y.cols() - p * kPanel);
  for (Index r = 0; r < R; r++, c += kPanel)
    std::copy(c, c + width, &y(first_row + r, p * kPanel));
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // EXACTMOE_LADDER_VECTORS_INL_H
