#include "reference/weight_format.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/numerics/formats.h"

namespace moe {
namespace {

// The first weight that the format does not hold, or -1.
Index first_outside(WeightFormat format, const Matrix& weights) {
  for (Index i = 0; i < weights.size(); i++)
    if (!holds(format, weights.data()[i])) return i;
  return -1;
}

void expect_held(WeightFormat format, const char* what, const Matrix& w) {
  const Index i = first_outside(format, w);
  if (i < 0) return;
  throw Error(fmt::format("{} [{},{}] is {}, expected a number that {} holds",
                          what, i / w.cols(), i % w.cols(), w.data()[i],
                          name(format)));
}

void round_weights(WeightFormat format, Matrix& weights) {
  for (Index i = 0; i < weights.size(); i++)
    weights.data()[i] = rounded(format, weights.data()[i]);
}

}  // namespace

std::string_view name(WeightFormat format) {
  if (format == WeightFormat::bf16) return "bf16";
  return format == WeightFormat::f16 ? "f16" : "f32";
}

Index bytes(WeightFormat format) {
  return format == WeightFormat::f32 ? 4 : 2;
}

float rounded(WeightFormat format, float x) {
  if (format == WeightFormat::bf16)
    return numerics::bf16_decode(numerics::bf16_encode(x));
  if (format == WeightFormat::f16)
    return numerics::f16_decode(numerics::f16_encode(x));
  return x;
}

bool holds(WeightFormat format, float x) {
  return numerics::same(rounded(format, x), x);
}

void round_weights(WeightFormat format, Ffn& ffn) {
  for (Matrix* w : {&ffn.gate, &ffn.up, &ffn.down}) round_weights(format, *w);
}

bool holds(WeightFormat format, const Ffn& ffn) {
  for (const Matrix* w : {&ffn.gate, &ffn.up, &ffn.down})
    if (first_outside(format, *w) >= 0) return false;
  return true;
}

void expect_held(WeightFormat format, const Ffn& ffn) {
  expect_held(format, "gate", ffn.gate);
  expect_held(format, "up", ffn.up);
  expect_held(format, "down", ffn.down);
}

}  // namespace moe
