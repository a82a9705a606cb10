#include "cpu/panels.h"

#include <algorithm>

#include "reference/numerics/formats.h"

namespace moe::cpu {
namespace {

// Where element (k, i) of a panel of 16-bit weights is.
Index half_place(WeightFormat format, Index k, Index i) {
  if (format == WeightFormat::f16) return k * kPanel + i;
  return (k / 2 * kPanel + i) * 2 + k % 2;
}

}  // namespace

Panels::Panels(Index count, Index depth, WeightFormat format)
    : count_(count), depth_(depth), format_(format), start_(count * kPanel) {
  const Index all = count * panel_bytes();
  if (format == WeightFormat::f32)
    wide_ = Buffer(all / Index{sizeof(float)});
  else
    half_ = BufferOf<std::uint16_t>(all / 2);
}

const std::byte* Panels::memory() const {
  if (format_ == WeightFormat::f32) return reinterpret_cast<const std::byte*>(wide_.data());
  return reinterpret_cast<const std::byte*>(half_.data());
}

void Panels::set(Index panel, const Matrix& w, const Vector& bias, Index first_row) {
  float* start = start_.data() + panel * kPanel;
  const Index rows = std::min(kPanel, w.rows() - first_row);
  std::fill(start, start + kPanel, 0.0F);
  for (Index i = 0; i < rows && bias.size() != 0; i++) start[i] = bias[first_row + i];

  if (format_ != WeightFormat::f32) {
    std::uint16_t* codes = half_.data() + panel * panel_bytes() / 2;
    std::fill(codes, codes + panel_bytes() / 2, std::uint16_t{0});
    for (Index i = 0; i < rows; i++) set_row(panel, i, w.data() + (first_row + i) * depth_);
    return;
  }
  float* values = wide_.data() + panel * depth_ * kPanel;
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

void Panels::set_row(Index panel, Index i, const float* row) {
  std::uint16_t* codes = half_.data() + panel * panel_bytes() / 2;
  const bool bf16 = format_ == WeightFormat::bf16;
  for (Index k = 0; k < depth_; k++)
    codes[half_place(format_, k, i)] =
        bf16 ? numerics::bf16_encode(row[k]) : numerics::f16_encode(row[k]);
}

void Panels::set_columns(Index panel, const ConstMatrix& b) {
  float* values = wide_.data() + panel * depth_ * kPanel;
  float* start = start_.data() + panel * kPanel;
  const Index columns = std::min(kPanel, b.cols() - panel * kPanel);
  std::fill(start, start + kPanel, 0.0F);
  if (columns < kPanel) std::fill(values, values + depth_ * kPanel, 0.0F);
  for (Index k = 0; k < depth_; k++, values += kPanel) {
    const float* row = b.data() + k * b.outerStride() + panel * kPanel;
    std::copy(row, row + columns, values);
  }
}

float Panels::get_value(Index panel, Index k, Index i) const {
  if (format_ == WeightFormat::f32) return wide_.data()[(panel * depth_ + k) * kPanel + i];
  const std::uint16_t code = half_.data()[panel * panel_bytes() / 2 + half_place(format_, k, i)];
  return format_ == WeightFormat::bf16 ? numerics::bf16_decode(code) : numerics::f16_decode(code);
}

void Panels::get(Index panel, Matrix& w, Index first_row) const {
  const Index rows = std::min(kPanel, w.rows() - first_row);
  for (Index i = 0; i < rows; i++)
    for (Index k = 0; k < depth_; k++) w(first_row + i, k) = get_value(panel, k, i);
}

void Panels::get(Index panel, Vector& bias, Index first_row) const {
  const Index rows = std::min(kPanel, bias.size() - first_row);
  for (Index i = 0; i < rows; i++) bias[first_row + i] = start(panel)[i];
}

}  // namespace moe::cpu
