// Weights in the order in which the kernels read them.
#pragma once
#include "cpu/buffer.h"
#include "reference/types.h"

namespace moe::cpu {

/// Outputs per panel: one cache line of weights for each k.
inline constexpr Index kPanel = 16;

/// Number of panels that hold `outputs` outputs.
constexpr Index panels_for(Index outputs) {
  return (outputs + kPanel - 1) / kPanel;
}

/// A weight matrix [N,K] cut into panels of 16 rows, each transposed: values[panel][k][16]. A
/// kernel that walks k ascending reads one line per k, and a panel from front to back, whatever
/// the number of tokens. Where fewer than 16 rows are left, the other columns of the panel hold
/// zeros; what they give is never stored.
class Panels {
 public:
  Panels() = default;
  /// Room for `count` panels of depth K.
  Panels(Index count, Index depth);

  Index count() const { return count_; }
  /// K, the length of the chains.
  Index depth() const { return depth_; }

  /// Fills a panel with rows first_row, first_row + 1, ... of w, as far as it has them, and their
  /// starting values with the bias, or +0 where there is none.
  void set(Index panel, const Matrix& w, const Vector& bias, Index first_row);
  /// Fills a panel with columns 16 panel, 16 panel + 1, ... of b [K,N] and zeros to start from.
  void set_columns(Index panel, const ConstMatrix& b);
  /// The opposite of set: writes the same rows of w [N,K].
  void get(Index panel, Matrix& w, Index first_row) const;
  /// The same values of the bias [N].
  void get(Index panel, Vector& bias, Index first_row) const;

  /// The panel's weights, [K][16].
  const float* values(Index panel) const { return values_.data() + panel * depth_ * kPanel; }
  /// What the panel's chains start from, [16].
  const float* start(Index panel) const { return start_.data() + panel * kPanel; }

 private:
  Index count_ = 0, depth_ = 0;
  Buffer values_, start_;
};

}  // namespace moe::cpu
