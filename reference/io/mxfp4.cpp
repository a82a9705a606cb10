#include "reference/io/mxfp4.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/io/array_values.h"
#include "reference/numerics/formats.h"

namespace moe::io {

namespace {

constexpr Index kBlock = 32;
constexpr std::size_t kBytes = 16;

}  // namespace

void expect_mxfp4(const Array& blocks, const Array& scales,
                  const Shape& shape) {
  if (shape.empty() || shape.back() % kBlock != 0)
    throw Error(
        fmt::format("{}: expected a last axis of whole blocks of {} "
                    "for MXFP4, found {}",
                    place_of(blocks), kBlock, to_text(shape)));
  Shape wanted = shape;
  wanted.back() /= kBlock;
  for (const Array* array : {&blocks, &scales})
    if (array->dtype != DType::u8)
      throw Error(fmt::format("{}: expected U8, found {}", place_of(*array),
                              name_of(array->dtype)));
  expect_shape(scales, wanted);
  wanted.push_back(kBytes);
  expect_shape(blocks, wanted);
}

std::vector<float> decode_mxfp4(const Array& blocks, const Array& scales) {
  std::vector<float> values;
  values.reserve(blocks.bytes.size() * 2);
  for (std::size_t i = 0; i < blocks.bytes.size(); ++i) {
    const auto scale = std::to_integer<std::uint8_t>(scales.bytes[i / kBytes]);
    const auto pair = std::to_integer<unsigned>(blocks.bytes[i]);
    for (const unsigned code : {pair & 15U, pair >> 4})
      values.push_back(
          numerics::mxfp4_decode(static_cast<std::uint8_t>(code), scale));
  }
  return values;
}

}  // namespace moe::io
