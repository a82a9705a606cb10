#include "cpu/packed_rows.h"

#include <hwy/highway.h>

#include <algorithm>

// Instructions that every processor of its kind has, so there is nothing to dispatch.
HWY_BEFORE_NAMESPACE();
namespace moe::cpu {

namespace {

// 256 k of a panel are 16 KiB, half of a first-level cache of 32 KiB; the other half holds the tile
// (6 KiB) and what is on its way in.
constexpr Index kPiece = 256;

Index ceiling(Index a, Index b) {
  return (a + b - 1) / b;
}

namespace hn = hwy::HWY_NAMESPACE;
constexpr Index kSquare = 4;

// Four rows by squares of 4 x 4, turned in registers: a quarter of the stores that single values
// take, and every vector unit that this program runs on has 4 lanes.
void interleave_four(const float* const* sources, Index rows, Index first, Index length, float* out) {
  const hn::FixedTag<float, kSquare> tag;
  const hn::FixedTag<double, kSquare / 2> pairs;
  const float* const s0 = sources[0] + first;
  const float* const s1 = sources[1] + first;
  const float* const s2 = sources[2] + first;
  const float* const s3 = sources[3] + first;
  Index k = 0;
  for (; k + kSquare <= length; k += kSquare) {
    const auto a = hn::LoadU(tag, s0 + k), b = hn::LoadU(tag, s1 + k);
    const auto c = hn::LoadU(tag, s2 + k), d = hn::LoadU(tag, s3 + k);
    const auto ab01 = hn::BitCast(pairs, hn::InterleaveLower(tag, a, b));
    const auto ab23 = hn::BitCast(pairs, hn::InterleaveUpper(tag, a, b));
    const auto cd01 = hn::BitCast(pairs, hn::InterleaveLower(tag, c, d));
    const auto cd23 = hn::BitCast(pairs, hn::InterleaveUpper(tag, c, d));
    float* const to = out + k * rows;
    hn::StoreU(hn::BitCast(tag, hn::InterleaveLower(pairs, ab01, cd01)), tag, to);
    hn::StoreU(hn::BitCast(tag, hn::InterleaveUpper(pairs, ab01, cd01)), tag, to + rows);
    hn::StoreU(hn::BitCast(tag, hn::InterleaveLower(pairs, ab23, cd23)), tag, to + 2 * rows);
    hn::StoreU(hn::BitCast(tag, hn::InterleaveUpper(pairs, ab23, cd23)), tag, to + 3 * rows);
  }
  for (; k < length; k++)
    for (Index i = 0; i < kSquare; i++) out[k * rows + i] = sources[i][first + k];
}

}  // namespace

Depths::Depths(Index depth, Index piece) : depth_(depth) {
  if (depth == 0) return;
  length_ = ceiling(ceiling(depth, ceiling(depth, piece)), 16) * 16;
  count_ = ceiling(depth, length_);
}

PackedRows::PackedRows(Index n, Index K, Index height, float* values)
    : tiles_(n, height), depths_(K, tiles_.count() > 1 ? kPiece : K), values_(values) {}

void PackedRows::set(Index tile, const float* const* sources) {
  const Index rows = tiles_.rows(tile);
  for (Index piece = 0; piece < depths_.count(); piece++) {
    float* out = at(piece, tile);
    const Index first = depths_.begin(piece);
    interleave(sources, rows, first, depths_.length(piece), out);
  }
}

void interleave(const float* const* sources, Index rows, Index first, Index length, float* out) {
  if (rows < kSquare) {
    for (Index i = 0; i < rows; i++)
      for (Index k = 0; k < length; k++) out[k * rows + i] = sources[i][first + k];
    return;
  }
  // The last four may be some of those before them again.
  for (Index i = 0; i < rows; i += kSquare) {
    const Index four = std::min(i, rows - kSquare);
    interleave_four(sources + four, rows, first, length, out + four);
  }
}

}  // namespace moe::cpu
HWY_AFTER_NAMESPACE();
