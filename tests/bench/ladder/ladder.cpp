#include "tests/bench/ladder/ladder.h"

#include <algorithm>
#include <bit>

#include "reference/numerics/elementary.h"
#include "reference/numerics/formats.h"

namespace moe::ladder {
namespace {

constexpr Step kSteps[] = {
    {"reference_loop", "the reference's loop", Layout::rows, reference_loop, false},
    {"loop_order", "rows innermost: many chains at once", Layout::rows, loop_order, false},
    {"packing", "weights packed into panels of 16 outputs", Layout::panels, packing, false},
    {"register_tile", "a tile of 3 x 4 chains in registers", Layout::panels, register_tile, false},
    {"simd", "the tile in vectors", Layout::panels, simd, false},
    {"cache_blocking", "k in pieces that stay in the first-level cache", Layout::panels,
     cache_blocking, false},
    {"prefetch", "the next piece is fetched while this one is used", Layout::panels, prefetch,
     false},
    {"fused", "gate, up and activation together", Layout::woven, fused, false},
    {"few_rows", "few rows: several panels together", Layout::woven, few_rows, false},
    {"bf16", "bf16 weights, decoded in registers", Layout::halves, bf16, false},
    {"threads", "threads that take the largest task left", Layout::woven, threads, true},
};

float at(const Matrix& w, Index n, Index k) { return n < w.rows() ? w(n, k) : 0.0F; }

Weights room(const Matrix& w, Index count) {
  return {w.rows(), w.cols(), {}, count, cpu::Buffer(count * w.cols() * kPanel)};
}

// Panel `to` gets rows first, first + 1, ... of w.
void fill(Weights& packed, Index to, const Matrix& w, Index first) {
  float* values = packed.values.data() + to * packed.K * kPanel;
  for (Index k = 0; k < packed.K; k++)
    for (Index j = 0; j < kPanel; j++) *values++ = at(w, first + j, k);
}

Weights in_panels(const Matrix& w) {
  Weights packed = room(w, divided_up(w.rows(), kPanel));
  for (Index p = 0; p < packed.count; p++) fill(packed, p, w, p * kPanel);
  return packed;
}

Weights woven(const Matrix& gate, const Matrix& up) {
  Weights packed = room(gate, 2 * divided_up(gate.rows(), kPanel));
  for (Index p = 0; p < packed.count; p++)
    fill(packed, p, p % 2 == 0 ? gate : up, p / 2 * kPanel);
  return packed;
}

// Panels 2i and 2i + 1 of `wide` in one; of an odd number the last has none beside it.
Weights in_halves(const Matrix& w, const Weights& wide, bool joined) {
  Weights packed = room(w, divided_up(wide.count, 2));
  const Index size = wide.K * kPanel;
  const auto value = [&](Index p, Index i) {
    return p < wide.count ? numerics::bf16_encode(wide.panel(p)[i]) : std::uint16_t{0};
  };
  for (Index p = 0; p < packed.count; p++)
    for (Index i = 0; i < size; i++) {
      std::uint32_t low = value(2 * p, i), high = value(2 * p + 1, i);
      if (joined) {  // place i % 16 of a line holds values 2 (i % 16) and the next of its 32
        const Index j = i % kPanel * 2, first = i - i % kPanel;
        low = value(2 * p + j / kPanel, first + j % kPanel);
        high = value(2 * p + j / kPanel, first + j % kPanel + 1);
      }
      packed.values.data()[p * size + i] = std::bit_cast<float>(high << 16 | low);
    }
  return packed;
}

Weights in_rows(const Matrix& w) { return {w.rows(), w.cols(), w, 0, {}}; }

}  // namespace

std::span<const Step> steps() { return kSteps; }

Expert prepare(const Ffn& ffn, Layout layout) {
  switch (layout) {
    case Layout::rows:
      return {in_rows(ffn.gate), in_rows(ffn.up), in_rows(ffn.down)};
    case Layout::panels:
      return {in_panels(ffn.gate), in_panels(ffn.up), in_panels(ffn.down)};
    case Layout::woven:
      return {woven(ffn.gate, ffn.up), {}, in_panels(ffn.down)};
    case Layout::halves:
    case Layout::joined: {
      const bool joined = layout == Layout::joined;
      return {in_halves(ffn.gate, woven(ffn.gate, ffn.up), joined), {},
              in_halves(ffn.down, in_panels(ffn.down), joined)};
    }
  }
  return {};
}

void three_products(Product product, const Expert& expert, const ConstMatrix& x, Matrix& y) {
  Matrix gate(x.rows(), expert.F()), hidden(x.rows(), expert.F());
  product(expert.gate, x, gate);
  product(expert.up, x, hidden);
  for (Index i = 0; i < hidden.size(); i++)
    hidden.data()[i] = numerics::silu(gate.data()[i]) * hidden.data()[i];
  product(expert.down, hidden, y);
}

}  // namespace moe::ladder
