// Tokens in the order in which the kernels read them.
#pragma once
#include "reference/types.h"

namespace moe::cpu {

/// How n rows are cut into tiles of at most `height` rows, as equal as possible: 13 rows of at most
/// 6 are 5 + 4 + 4, not 6 + 6 + 1, because a tile of one row leaves most multipliers idle.
class Tiles {
 public:
  Tiles() = default;
  Tiles(Index rows, Index height)
      : count_((rows + height - 1) / height),
        base_(count_ == 0 ? 0 : rows / count_),
        longer_(count_ == 0 ? 0 : rows % count_) {}

  Index count() const { return count_; }
  /// First row of a tile; begin(count()) is the number of rows.
  Index begin(Index tile) const { return tile * base_ + (tile < longer_ ? tile : longer_); }
  /// Rows of a tile.
  Index rows(Index tile) const { return base_ + (tile < longer_ ? 1 : 0); }
  /// Rows in all.
  Index rows() const { return begin(count_); }

 private:
  Index count_ = 0, base_ = 0, longer_ = 0;
};

/// How the chains of length K are cut: pieces of equal length, a multiple of 16, so that a piece of
/// a panel stays in the first-level cache while all tiles use it. Between two pieces the
/// accumulators wait in memory as binary32, the same 32 bits, so the cut changes nothing.
class Depths {
 public:
  Depths() = default;
  /// Pieces of at most `piece`, rounded up to a multiple of 16.
  Depths(Index depth, Index piece);
  Index count() const { return count_; }
  Index begin(Index piece) const { return piece * length_ < depth_ ? piece * length_ : depth_; }
  Index length(Index piece) const { return begin(piece + 1) - begin(piece); }
  /// The piece that holds k.
  Index piece(Index k) const { return k / length_; }
  /// K.
  Index depth() const { return depth_; }

 private:
  Index depth_ = 0, length_ = 16, count_ = 1;
};

/// A matrix [n,K] of rows: for each piece of K, for each tile, values[k][row of the tile]. It lies
/// in memory of its maker's, n K values.
class PackedRows {
 public:
  PackedRows() = default;
  /// n rows of K values in tiles of at most `height` rows, at `values`, which it does not fill.
  /// K is cut only where there are several tiles to use a piece of a panel.
  PackedRows(Index n, Index K, Index height, float* values);

  const Tiles& tiles() const { return tiles_; }
  const Depths& depths() const { return depths_; }

  /// values[k][row] of a tile and a piece, k counted from the piece's first.
  float* at(Index piece, Index tile) { return values_ + offset(piece, tile); }
  const float* at(Index piece, Index tile) const { return values_ + offset(piece, tile); }

  /// Fills a tile from its rows: sources[i] points to the K values of the tile's i-th row.
  void set(Index tile, const float* const* sources);

 private:
  Index offset(Index piece, Index tile) const {
    return depths_.begin(piece) * tiles_.rows() + depths_.length(piece) * tiles_.begin(tile);
  }
  Tiles tiles_;
  Depths depths_;
  float* values_ = nullptr;
};

/// Rows side by side: out[k * rows + i] = sources[i][first + k] for k < length.
void interleave(const float* const* sources, Index rows, Index first, Index length, float* out);

}  // namespace moe::cpu
