#include "reference/io/array_values.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "reference/error.h"
#include "reference/numerics/formats.h"

namespace moe::io {
namespace {

// Elements as they lie in memory; the bytes need not be aligned.
template <typename Stored>
std::vector<Stored> elements(const Array& array) {
  std::vector<Stored> values(array.bytes.size() / sizeof(Stored));
  if (!values.empty())
    std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

// Elements through an exact decoder.
template <typename Stored, typename Value>
std::vector<Value> decoded(const Array& array, Value decode(Stored)) {
  const std::vector<Stored> codes = elements<Stored>(array);
  std::vector<Value> values(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) values[i] = decode(codes[i]);
  return values;
}

template <typename Stored>
std::int64_t widened(Stored value) {
  return value;
}

std::vector<std::int64_t> narrowed_u64(const Array& array) {
  const auto codes = elements<std::uint64_t>(array);
  std::vector<std::int64_t> values(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] > std::numeric_limits<std::int64_t>::max())
      throw Error(fmt::format("{}: element {} is {}, expected less than 2^63",
                              place_of(array), i, codes[i]));
    values[i] = static_cast<std::int64_t>(codes[i]);
  }
  return values;
}

Error wrong_type(const Array& array, const char* expected) {
  return Error(fmt::format("{}: expected {}, found {}", place_of(array),
                           expected, name_of(array.dtype)));
}

}  // namespace

std::vector<float> to_f32(const Array& array) {
  switch (array.dtype) {
    case DType::f32:
      return elements<float>(array);
    case DType::f16:
      return decoded(array, numerics::f16_decode);
    case DType::bf16:
      return decoded(array, numerics::bf16_decode);
    case DType::f8_e4m3:
      return decoded(array, numerics::e4m3_decode);
    case DType::f8_e5m2:
      return decoded(array, numerics::e5m2_decode);
    default:
      throw wrong_type(array, "F32 or a type that widens to it");
  }
}

std::vector<double> to_f64(const Array& array) {
  if (array.dtype == DType::f64) return elements<double>(array);
  const std::vector<float> values = to_f32(array);
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> to_i64(const Array& array) {
  switch (array.dtype) {
    case DType::i64:
      return elements<std::int64_t>(array);
    case DType::i32:
      return decoded(array, widened<std::int32_t>);
    case DType::i16:
      return decoded(array, widened<std::int16_t>);
    case DType::i8:
      return decoded(array, widened<std::int8_t>);
    case DType::u64:
      return narrowed_u64(array);
    case DType::u32:
      return decoded(array, widened<std::uint32_t>);
    case DType::u16:
      return decoded(array, widened<std::uint16_t>);
    case DType::u8:
    case DType::boolean:
      return decoded(array, widened<std::uint8_t>);
    default:
      throw wrong_type(array, "an integer type");
  }
}

std::vector<std::int32_t> to_i32(const Array& array) {
  const std::vector<std::int64_t> wide = to_i64(array);
  std::vector<std::int32_t> values(wide.size());
  for (std::size_t i = 0; i < wide.size(); ++i) {
    values[i] = static_cast<std::int32_t>(wide[i]);
    if (values[i] != wide[i])
      throw Error(fmt::format("{}: element {} is {}, expected 32 bits",
                              place_of(array), i, wide[i]));
  }
  return values;
}

std::string to_characters(const Array& array) {
  if (array.dtype != DType::u8) throw wrong_type(array, "U8");
  return {reinterpret_cast<const char*>(array.bytes.data()),
          array.bytes.size()};
}

void expect_shape(const Array& array, const Shape& shape) {
  if (array.shape != shape)
    throw Error(fmt::format("{}: expected shape {}, found {}", place_of(array),
                            to_text(shape), to_text(array.shape)));
}

void expect_finite(const Array& array, const std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error(
          fmt::format("{}: expected finite numbers, found {} at "
                      "element {} of {}",
                      place_of(array), values[i], i, to_text(array.shape)));
}

std::vector<float> to_weights(const Array& array, const Shape& shape,
                              NonFinite nonfinite) {
  if (array.dtype != DType::f32 && array.dtype != DType::f16 &&
      array.dtype != DType::bf16)
    throw wrong_type(array, "F32, F16 or BF16");
  expect_shape(array, shape);
  std::vector<float> values = to_f32(array);
  if (nonfinite == NonFinite::refuse) expect_finite(array, values);
  return values;
}

}  // namespace moe::io
