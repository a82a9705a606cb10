// Weights in the order in which the kernels read them.
#pragma once
#include <cstdint>

#include "cpu/buffer.h"
#include "reference/types.h"
#include "reference/weight_format.h"

namespace moe::cpu {

/// Outputs per panel: one cache line of binary32 weights for each k.
inline constexpr Index kPanel = 16;

/// Number of panels that hold `outputs` outputs.
constexpr Index panels_for(Index outputs) {
  return (outputs + kPanel - 1) / kPanel;
}

/// A weight matrix [N,K] cut into panels of 16 rows, each transposed. A kernel that walks k
/// ascending reads a panel from front to back, whatever the number of tokens. Where fewer than 16
/// rows are left, the other columns of the panel hold zeros; what they give is never stored.
///
///   f32    values[panel][k][16]: one line per k
///   bf16   values[panel][k / 2][16][k % 2]: a line holds two k, as the halves of 16 words. One
///          shift or mask of such a word *is* the binary32 number; two packed vectors would have
///          to be widened first
///   f16    values[panel][k][16]: half a line per k, which one instruction widens
///
/// K is rounded up to a whole number of lines.
class Panels {
 public:
  Panels() = default;
  /// Room for `count` panels of depth K.
  Panels(Index count, Index depth, WeightFormat format = WeightFormat::f32);

  Index count() const { return count_; }
  /// K, the length of the chains.
  Index depth() const { return depth_; }
  WeightFormat format() const { return format_; }

  /// Fills a panel with rows first_row, first_row + 1, ... of w, as far as it has them, and their
  /// starting values with the bias, or +0 where there is none. True if the format holds all of
  /// these weights; else they were rounded.
  bool set(Index panel, const Matrix& w, const Vector& bias, Index first_row);
  /// Fills a panel of f32 with columns 16 panel, 16 panel + 1, ... of b [K,N] and zeros to start
  /// from.
  void set_columns(Index panel, const ConstMatrix& b);
  /// The opposite of set: writes the same rows of w [N,K].
  void get(Index panel, Matrix& w, Index first_row) const;
  /// The same values of the bias [N].
  void get(Index panel, Vector& bias, Index first_row) const;

  /// Lines of 64 bytes that `k` values of each chain take; k even unless it is K.
  Index lines(Index k) const { return format_ == WeightFormat::f32 ? k : (k + 1) / 2; }
  /// Bytes from one panel to the next.
  Index panel_bytes() const { return lines(depth_) * 64; }
  /// Bytes of all panels.
  Index bytes() const { return count_ * panel_bytes() + start_.size() * Index{sizeof(float)}; }
  /// The panel's weights from k on, k even.
  const std::byte* at(Index panel, Index k) const {
    return memory() + panel * panel_bytes() + lines(k) * 64;
  }
  /// What the panel's chains start from, [16].
  const float* start(Index panel) const { return start_.data() + panel * kPanel; }

 private:
  const std::byte* memory() const;
  float get_value(Index panel, Index k, Index i) const;

  Index count_ = 0, depth_ = 0;
  WeightFormat format_ = WeightFormat::f32;
  Buffer wide_, start_;           ///< f32
  BufferOf<std::uint16_t> half_;  ///< bf16 and f16
};

}  // namespace moe::cpu
