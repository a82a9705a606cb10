#include "cpu/multiply.h"

#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/multiply.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// What limits the loop, and why the tile has this shape.
//
// One k of a tile of R rows and P panels loads 16 P weights and R values (each broadcast to a whole
// register) and does 16 R P multiply-adds. AVX2 has 16 registers of 8: with R = 6, P = 1 there are
// 12 accumulators, 2 registers of weights and 1 broadcast. Two multiply-adds a cycle want 12 / 2 =
// 6 cycles; the 8 loads want 4, so arithmetic is the limit; and with a latency of 4 cycles at least
// 8 chains must be under way, which 12 are. AVX-512 has 32 registers of 16: R = 12, P = 2 are 24.
//
// Few rows (decoding) are limited by memory instead: the weights are read once and that is all.
// Then several panels go together, because several streams fill the memory pipes better than one
// and because one row of one panel alone would be 2 chains where 8 are wanted.

HWY_BEFORE_NAMESPACE();
namespace moe::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, kPanel> kTag;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(kTag));
constexpr int kVectors = static_cast<int>(kPanel) / kLanes;  // registers per row of a panel
constexpr Index kLine = 64;                                  // bytes
#if HWY_TARGET <= HWY_AVX3
constexpr int kAccumulators = 24;  // of 32 registers
constexpr int kHeight = 12;
#elif HWY_TARGET == HWY_AVX2
constexpr int kAccumulators = 12;  // of 16
constexpr int kHeight = 6;
#else
constexpr int kAccumulators = 24;  // AArch64: of 32 registers
constexpr int kHeight = 6;
#endif

// Panels that a tile of R rows takes together.
constexpr int panels_together(int R) {
  const int fit = kAccumulators / (R * kVectors);
  return fit < 1 ? 1 : fit > 4 ? 4 : fit;
}

// kStep values of k are one stretch of straight code: 8 loads and 12 multiply-adds each and nothing
// else. Counting and moving pointers for every k makes 25 instructions of these 20, which costs 15
// % wherever the core's front end is shared with another thread.
//
// The weights that come next are fetched while these are in use: without it every first use of a
// line waits for memory, and the loop stays at 60 to 80 % of its speed. A few lines every kStep
// values of k, because all at once would fill the queue of misses.
constexpr Index kStep = 16;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr int kUnrolled = 1;  // straight code full of checks takes minutes to compile
#elif defined(__has_feature)
constexpr int kUnrolled = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ? 1 : 8;
#else
constexpr int kUnrolled = 8;
#endif

// How weights come out of a panel: `load<odd>(pair + lane)` are the weights of k = 2 j + odd, where
// `pair` is the place of k = 2 j. Decoding is exact, so the chains are those of binary32 weights.
struct F32 {
  static constexpr Index kPairBytes = 128;
  template <int odd>
  static HWY_INLINE hn::Vec<decltype(kTag)> load(const std::byte* pair, Index lane) {
    return hn::LoadU(kTag, reinterpret_cast<const float*>(pair) + odd * kPanel + lane);
  }
};
struct Bf16 {
  static constexpr Index kPairBytes = 64;
  template <int odd>
  static HWY_INLINE hn::Vec<decltype(kTag)> load(const std::byte* pair, Index lane) {
    const hn::RebindToUnsigned<decltype(kTag)> words;
    const auto both = hn::LoadU(words, reinterpret_cast<const std::uint32_t*>(pair) + lane);
    if constexpr (odd == 0) return hn::BitCast(kTag, hn::ShiftLeft<16>(both));
    return hn::BitCast(kTag, hn::And(both, hn::Set(words, 0xffff0000U)));
  }
};
struct F16 {
  static constexpr Index kPairBytes = 64;
  template <int odd>
  static HWY_INLINE hn::Vec<decltype(kTag)> load(const std::byte* pair, Index lane) {
    const hn::Rebind<hwy::float16_t, decltype(kTag)> halves;
    const auto* codes = reinterpret_cast<const hwy::float16_t*>(pair);
    return hn::PromoteTo(kTag, hn::LoadU(halves, codes + odd * kPanel + lane));
  }
};

// What one call of a tile kernel reads and writes.
struct TileCall {
  const float* a;       // [length][R]
  const std::byte* b;   // the panels' weights, panel_bytes apart
  Index panel_bytes;
  Index length;
  const float* start;  // [P][16], or nullptr: go on from c
  float* c;            // [R][16], panels c_stride apart
  Index c_stride;
  const std::byte* ahead;  // lines to fetch, of each of P panels panel_bytes apart ...
  Index ahead_lines;       // ... so many for every kStep values of k ...
  Index ahead_steps;       // ... and so often; then
  const std::byte* then;   // these, as many and as often as it takes
};

// One step of all chains.
template <class Format, int R, int P, int odd>
HWY_INLINE void one_k(const float* HWY_RESTRICT a, const std::byte* pair, Index panel_bytes,
                      hn::Vec<decltype(kTag)> (&acc)[R][P * kVectors]) {
  constexpr int N = P * kVectors;
  hn::Vec<decltype(kTag)> w[N];
#pragma GCC unroll 16
  for (int n = 0; n < N; n++)
    w[n] = Format::template load<odd>(pair + n / kVectors * panel_bytes, n % kVectors * kLanes);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const auto x = hn::Set(kTag, a[r]);
#pragma GCC unroll 16
    for (int n = 0; n < N; n++) acc[r][n] = hn::MulAdd(x, w[n], acc[r][n]);
  }
}

// Two steps.
template <class Format, int R, int P>
HWY_INLINE void two_k(const float* HWY_RESTRICT a, const std::byte* pair, Index panel_bytes,
                      hn::Vec<decltype(kTag)> (&acc)[R][P * kVectors]) {
  one_k<Format, R, P, 0>(a, pair, panel_bytes, acc);
  one_k<Format, R, P, 1>(a + R, pair, panel_bytes, acc);
}

template <class Format, int R, int P>
HWY_NOINLINE void tile(const TileCall& call) {
  using V = hn::Vec<decltype(kTag)>;
  constexpr int N = P * kVectors;
  constexpr Index pair_bytes = Format::kPairBytes;
  V acc[R][N];
  const float* HWY_RESTRICT a = call.a;
  const std::byte* b = call.b;
  const Index panel_bytes = call.panel_bytes;
  const std::byte* ahead = call.ahead;
  Index ahead_steps = call.ahead_steps;

#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 16
    for (int n = 0; n < N; n++) {
      const Index panel = n / kVectors, lane = n % kVectors * kLanes;
      acc[r][n] = call.start != nullptr
                      ? hn::LoadU(kTag, call.start + panel * kPanel + lane)
                      : hn::LoadU(kTag, call.c + panel * call.c_stride + r * kPanel + lane);
    }
  }
  Index k = 0;
  for (; k + kStep <= call.length; k += kStep) {
    if (ahead_steps-- == 0) ahead = call.then;
    for (Index i = 0; i < call.ahead_lines; i++, ahead += kLine)
      for (Index p = 0; p < P; p++) hwy::Prefetch(ahead + p * panel_bytes);
#pragma GCC unroll kUnrolled
    for (Index i = 0; i < kStep / 2; i++)
      two_k<Format, R, P>(a + 2 * i * R, b + i * pair_bytes, panel_bytes, acc);
    a += kStep * R;
    b += kStep / 2 * pair_bytes;
  }
  for (; k + 2 <= call.length; k += 2, a += 2 * R, b += pair_bytes)
    two_k<Format, R, P>(a, b, panel_bytes, acc);
  if (k < call.length) one_k<Format, R, P, 0>(a, b, panel_bytes, acc);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 16
    for (int n = 0; n < N; n++)
      hn::StoreU(acc[r][n], kTag,
                 call.c + n / kVectors * call.c_stride + r * kPanel + n % kVectors * kLanes);
}

using Kernel = void (*)(const TileCall&);

// kernels[R-1][P-1]; nullptr where so many panels do not fit.
template <class Format, int R, int P>
constexpr Kernel kernel() {
  if constexpr (P <= panels_together(R))
    return tile<Format, R, P>;
  else
    return nullptr;
}
struct KernelsOfHeight {
  Kernel of_panels[4];
};
template <class Format, int R>
constexpr KernelsOfHeight row() {
  if constexpr (R <= kHeight)
    return {{kernel<Format, R, 1>(), kernel<Format, R, 2>(), kernel<Format, R, 3>(),
             kernel<Format, R, 4>()}};
  else
    return {};
}
template <class Format>
constexpr KernelsOfHeight kKernels[] = {
    row<Format, 1>(), row<Format, 2>(),  row<Format, 3>(),  row<Format, 4>(),
    row<Format, 5>(), row<Format, 6>(),  row<Format, 7>(),  row<Format, 8>(),
    row<Format, 9>(), row<Format, 10>(), row<Format, 11>(), row<Format, 12>()};

const KernelsOfHeight* kernels(WeightFormat format) {
  if (format == WeightFormat::bf16) return kKernels<Bf16>;
  return format == WeightFormat::f16 ? kKernels<F16> : kKernels<F32>;
}

Index tile_height_here() {
  return kHeight;
}

// How many lines a single tile fetches ahead, of each panel; 0: none.
//
// Few rows of binary32 weights read as fast as the processor foresees them, and fetching only gets
// in the way (2 to 7 %). From 8 rows on the loads come less evenly, arithmetic and memory take
// turns, and fetching is worth 25 %. Weights of 16 bits are always worth it (4 to 26 %): a line of
// them holds twice the arithmetic. The distance is a compromise: 16 lines come too late with many
// rows (5 to 10 %), 64 drive out what is in use with few (3 %).
Index lines_ahead(WeightFormat format, Index rows) {
  if (rows >= 8) return 48;
  return format == WeightFormat::f32 ? 0 : 32;
}

// Sets what a single tile shall fetch: its own panels, some lines on, and near their end the next
// ones.
void plan_ahead_alone(const Panels& weights, const Block& block, Index rows, Index panel, Index P,
                      TileCall& call) {
  const Index lines = weights.lines(call.length);
  const Index lines_per_step = weights.lines(kStep);
  const Index distance = lines_ahead(weights.format(), rows);
  if (distance == 0 || call.length % kStep != 0 || lines <= distance) return;
  const Index next = panel + P;
  call.ahead = call.b + distance * kLine;
  call.ahead_lines = lines_per_step;
  call.ahead_steps = (lines - distance) / lines_per_step;
  // The last panels have none after them: what follows is then their own end, fetched again.
  call.then = next < block.last_panel && next + P <= weights.count() ? weights.at(next, 0)
                                           : call.b + (lines - distance) * kLine;
}

// Sets what the tiles of this call shall fetch: the piece of weights that follows, each tile an
// equal share. That is the same piece of the next panels, or the next piece of the first ones.
void plan_ahead(const Depths& depths, const Panels& weights, const Block& block, Index piece,
                Index panel, Index P, TileCall& call) {
  const Index tile_count = block.last_tile - block.first_tile;
  const bool last = panel + P == block.last_panel;
  const Index next_piece = last ? piece + 1 : piece;
  const Index next_panel = last ? block.first_panel : panel + P;
  const bool exists = next_piece < depths.count() && next_panel + P <= weights.count();
  const Index steps = call.length / kStep * tile_count;
  if (!exists || steps == 0) return;
  call.ahead = weights.at(next_panel, depths.begin(next_piece));
  call.ahead_lines = (weights.lines(depths.length(next_piece)) + steps - 1) / steps;
}

void multiply_here(const PackedRows& rows, const Panels& weights, const Block& block, float* out) {
  const Tiles& tiles = rows.tiles();
  const Depths& depths = rows.depths();
  const Index first_row = tiles.begin(block.first_tile);
  const Index block_rows = tiles.begin(block.last_tile) - first_row;
  const Index together = panels_together(static_cast<int>(tiles.rows(block.first_tile)));
  const KernelsOfHeight* const kernel = kernels(weights.format());
  const bool alone = block.last_tile - block.first_tile == 1 && depths.count() == 1;
  TileCall call;
  call.panel_bytes = weights.panel_bytes();
  call.c_stride = block_rows * kPanel;

  for (Index piece = 0; piece < depths.count(); piece++) {
    const Index k = depths.begin(piece);
    call.length = depths.length(piece);
    const Index steps = call.length / kStep;
    // Panels go together in groups as equal as possible: 16 by threes are 3 3 3 3 2 2, not a last
    // one alone.
    Index groups = (block.last_panel - block.first_panel + together - 1) / together;
    Index P;
    for (Index panel = block.first_panel; panel < block.last_panel; panel += P) {
      P = (block.last_panel - panel + groups - 1) / groups;
      groups--;
      call.b = weights.at(panel, k);
      call.start = piece == 0 ? weights.start(panel) : nullptr;
      call.ahead = call.then = call.b;
      call.ahead_lines = 0;
      call.ahead_steps = call.length;  // never
      if (alone)
        plan_ahead_alone(weights, block, tiles.rows(block.first_tile), panel, P, call);
      else
        plan_ahead(depths, weights, block, piece, panel, P, call);
      const std::byte* ahead_end = call.ahead + weights.lines(call.length) * kLine;
      float* c = out + (panel - block.first_panel) * call.c_stride;
      for (Index t = block.first_tile; t < block.last_tile; t++) {
        call.a = rows.at(piece, t);
        call.c = c + (tiles.begin(t) - first_row) * kPanel;
        kernel[tiles.rows(t) - 1].of_panels[P - 1](call);
        call.ahead += steps * call.ahead_lines * kLine;
        if (call.ahead >= ahead_end) call.ahead_lines = 0;  // all of it is on its way
      }
    }
  }
}

}  // namespace moe::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::cpu {
namespace {

HWY_EXPORT(tile_height_here);
HWY_EXPORT(multiply_here);

}  // namespace

Index tile_height() {
  return HWY_DYNAMIC_DISPATCH(tile_height_here)();
}

void multiply(const PackedRows& rows, const Panels& weights, const Block& block, float* out) {
  HWY_DYNAMIC_DISPATCH(multiply_here)(rows, weights, block, out);
}

}  // namespace moe::cpu
#endif  // HWY_ONCE
