#include "cpu/panels.h"

#include <algorithm>

namespace moe::cpu {

Panels::Panels(Index count, Index depth)
    : count_(count), depth_(depth), values_(count * depth * kPanel), start_(count * kPanel) {}

void Panels::set(Index panel, const Matrix& w, const Vector& bias, Index first_row) {
  float* values = values_.data() + panel * depth_ * kPanel;
  float* start = start_.data() + panel * kPanel;
  const Index rows = std::min(kPanel, w.rows() - first_row);
  std::fill(start, start + kPanel, 0.0F);
  for (Index i = 0; i < rows && bias.size() != 0; i++) start[i] = bias[first_row + i];

  if (rows < kPanel) std::fill(values, values + depth_ * kPanel, 0.0F);
  constexpr Index block = 16;  // 16 x 16 values at a time: whole lines on both sides
  for (Index k0 = 0; k0 < depth_; k0 += block) {
    const Index k1 = std::min(depth_, k0 + block);
    for (Index i = 0; i < rows; i++) {
      const float* row = w.data() + (first_row + i) * depth_;
      for (Index k = k0; k < k1; k++) values[k * kPanel + i] = row[k];
    }
  }
}

void Panels::set_columns(Index panel, const ConstMatrix& b) {
  float* values = values_.data() + panel * depth_ * kPanel;
  float* start = start_.data() + panel * kPanel;
  const Index columns = std::min(kPanel, b.cols() - panel * kPanel);
  std::fill(start, start + kPanel, 0.0F);
  if (columns < kPanel) std::fill(values, values + depth_ * kPanel, 0.0F);
  for (Index k = 0; k < depth_; k++, values += kPanel) {
    const float* row = b.data() + k * b.outerStride() + panel * kPanel;
    std::copy(row, row + columns, values);
  }
}

void Panels::get(Index panel, Matrix& w, Index first_row) const {
  const Index rows = std::min(kPanel, w.rows() - first_row);
  for (Index i = 0; i < rows; i++)
    for (Index k = 0; k < depth_; k++) w(first_row + i, k) = values(panel)[k * kPanel + i];
}

void Panels::get(Index panel, Vector& bias, Index first_row) const {
  const Index rows = std::min(kPanel, bias.size() - first_row);
  for (Index i = 0; i < rows; i++) bias[first_row + i] = start(panel)[i];
}

}  // namespace moe::cpu
