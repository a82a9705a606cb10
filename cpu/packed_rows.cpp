#include "cpu/packed_rows.h"

namespace moe::cpu {

namespace {

// 256 k of a panel are 16 KiB, half of a first-level cache of 32 KiB; the other half holds the tile
// (6 KiB) and what is on its way in.
constexpr Index kPiece = 256;

Index ceiling(Index a, Index b) {
  return (a + b - 1) / b;
}

}  // namespace

Depths::Depths(Index depth, Index piece) : depth_(depth) {
  if (depth == 0) return;
  length_ = ceiling(ceiling(depth, ceiling(depth, piece)), 16) * 16;
  count_ = ceiling(depth, length_);
}

PackedRows::PackedRows(Index n, Index K, Index height)
    : tiles_(n, height), depths_(K, tiles_.count() > 1 ? kPiece : K), values_(n * K) {}

void PackedRows::set(Index tile, const float* const* sources) {
  const Index rows = tiles_.rows(tile);
  for (Index piece = 0; piece < depths_.count(); piece++) {
    float* out = at(piece, tile);
    const Index first = depths_.begin(piece);
    const Index length = depths_.length(piece);
    for (Index i = 0; i < rows; i++) {
      const float* source = sources[i] + first;
      for (Index k = 0; k < length; k++) out[k * rows + i] = source[k];
    }
  }
}

}  // namespace moe::cpu
