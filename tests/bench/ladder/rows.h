// Tokens in the order in which a tile reads them.
#pragma once
#include "tests/bench/ladder/ladder.h"

namespace moe::ladder {

/// T rows cut into tiles of at most `height`, as equal as possible: 13 rows of at most 6 are
/// 4 + 4 + 5, not 6 + 6 + 1, because a tile of one row leaves most multipliers idle. A tile's
/// values are [K][rows of the tile]: what one k needs lies together.
class Rows {
 public:
  Rows(Index T, Index K, Index height)
      : T_(T), K_(K), count_(divided_up(T, height)), values_(T * K) {}

  Index count() const { return count_; }
  /// First row of a tile; begin(count()) is T.
  Index begin(Index tile) const { return count_ == 0 ? 0 : T_ * tile / count_; }
  Index rows(Index tile) const { return begin(tile + 1) - begin(tile); }
  Index T() const { return T_; }
  Index K() const { return K_; }
  float* at(Index tile, Index k) { return values_.data() + begin(tile) * K_ + k * rows(tile); }
  const float* at(Index tile, Index k) const {
    return values_.data() + begin(tile) * K_ + k * rows(tile);
  }

  /// Fills a tile from its rows of x [T,K].
  void set(Index tile, const ConstMatrix& x) {
    const Index R = rows(tile);
    for (Index r = 0; r < R; r++) {
      const float* row = x.data() + (begin(tile) + r) * x.outerStride();
      float* to = at(tile, 0) + r;
      for (Index k = 0; k < K_; k++) to[k * R] = row[k];
    }
  }
  /// Fills all of them.
  void set(const ConstMatrix& x) {
    for (Index tile = 0; tile < count_; tile++) set(tile, x);
  }

 private:
  Index T_, K_, count_;
  cpu::Buffer values_;
};

}  // namespace moe::ladder
