#include "cpu/panels.h"

#include <algorithm>

#include "reference/numerics/bits.h"
#include "reference/numerics/formats.h"

namespace moe::cpu {
namespace {

// 16-bit weights: their codes, and where that of element (k, i) of a panel is.
struct Bf16 {
  static std::uint16_t encode(float x) { return numerics::bf16_encode(x); }
  static float decode(std::uint16_t code) { return numerics::bf16_decode(code); }
  static Index place(Index k, Index i) { return (k / 2 * kPanel + i) * 2 + k % 2; }
};
struct F16 {
  static std::uint16_t encode(float x) { return numerics::f16_encode(x); }
  static float decode(std::uint16_t code) { return numerics::f16_decode(code); }
  static Index place(Index k, Index i) { return k * kPanel + i; }
};

// Values go 16 x 16 at a time: whole lines on both sides.
constexpr Index kBlock = 16;

// Rows `source` [rows,depth] of a panel as codes; true if they are all the same numbers still. Each
// step is a loop of its own, which the compiler can make vectors of.
template <class Format>
bool encode_rows(const float* source, Index rows, Index depth, std::uint16_t* codes) {
  bool held = true;
  std::uint16_t block[kBlock];
  for (Index k0 = 0; k0 < depth; k0 += kBlock)
    for (Index i = 0; i < rows; i++) {
      const float* const weights = source + i * depth + k0;
      const Index n = std::min(depth - k0, kBlock);
      for (Index k = 0; k < n; k++) block[k] = Format::encode(weights[k]);
      for (Index k = 0; k < n; k++) held &= numerics::same(Format::decode(block[k]), weights[k]);
      for (Index k = 0; k < n; k++) codes[Format::place(k0 + k, i)] = block[k];
    }
  return held;
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
  if (format_ != WeightFormat::f32) {
    std::uint16_t* codes = half_.data() + panel * panel_bytes() / 2;
    std::fill(codes, codes + panel_bytes() / 2, std::uint16_t{0});
    return format_ == WeightFormat::bf16 ? encode_rows<Bf16>(source, rows, depth_, codes)
                                         : encode_rows<F16>(source, rows, depth_, codes);
  }
  float* values = wide_.data() + panel * depth_ * kPanel;
  if (rows < kPanel) std::fill(values, values + depth_ * kPanel, 0.0F);
  for (Index k0 = 0; k0 < depth_; k0 += kBlock)
    for (Index i = 0; i < rows; i++)
      for (Index k = k0; k < std::min(depth_, k0 + kBlock); k++)
        values[k * kPanel + i] = source[i * depth_ + k];
  return true;
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
  const std::uint16_t* codes = half_.data() + panel * panel_bytes() / 2;
  return format_ == WeightFormat::bf16 ? Bf16::decode(codes[Bf16::place(k, i)])
                                       : F16::decode(codes[F16::place(k, i)]);
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
