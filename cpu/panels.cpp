#include "cpu/panels.h"

#include <algorithm>

#include "reference/numerics/bits.h"
#include "reference/numerics/formats.h"

namespace moe::cpu {
namespace {

// Where element (k, i) of a panel of 16-bit weights is.
Index half_place(WeightFormat format, Index k, Index i) {
  if (format == WeightFormat::f16) return k * kPanel + i;
  return (k / 2 * kPanel + i) * 2 + k % 2;
}

// All (i, k) of the rows of a panel, 16 x 16 at a time: whole lines on both sides.
void for_each_weight(Index rows, Index depth, const auto& visit) {
  constexpr Index block = 16;
  for (Index k0 = 0; k0 < depth; k0 += block)
    for (Index i = 0; i < rows; i++)
      for (Index k = k0; k < std::min(depth, k0 + block); k++) visit(i, k);
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

bool Panels::set(Index panel, const Matrix& w, const Vector& bias, Index first_row) {
  float* start = start_.data() + panel * kPanel;
  const Index rows = std::min(kPanel, w.rows() - first_row);
  std::fill(start, start + kPanel, 0.0F);
  for (Index i = 0; i < rows && bias.size() != 0; i++) start[i] = bias[first_row + i];

  const float* source = w.data() + first_row * depth_;
  if (format_ == WeightFormat::f32) {
    float* values = wide_.data() + panel * depth_ * kPanel;
    if (rows < kPanel) std::fill(values, values + depth_ * kPanel, 0.0F);
    for_each_weight(rows, depth_, [&](Index i, Index k) {
      values[k * kPanel + i] = source[i * depth_ + k];
    });
    return true;
  }
  std::uint16_t* codes = half_.data() + panel * panel_bytes() / 2;
  if (rows < kPanel || depth_ % 2 != 0) std::fill(codes, codes + panel_bytes() / 2, std::uint16_t{0});
  return format_ == WeightFormat::bf16
             ? set_codes(source, rows, codes, numerics::bf16_encode, numerics::bf16_decode)
             : set_codes(source, rows, codes, numerics::f16_encode, numerics::f16_decode);
}

bool Panels::set_codes(const float* source, Index rows, std::uint16_t* codes, const auto& encode,
                       const auto& decode) const {
  bool held = true;
  for_each_weight(rows, depth_, [&](Index i, Index k) {
    const float weight = source[i * depth_ + k];
    const std::uint16_t code = encode(weight);
    codes[half_place(format_, k, i)] = code;
    held &= numerics::same(decode(code), weight);
  });
  return held;
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
