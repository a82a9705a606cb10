#include "reference/io/array.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <vector>

#include "reference/error.h"

namespace moe::io {
namespace {

struct TypeFacts {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<TypeFacts, 15> kTypes = {{
    {DType::f64, "F64", 8},
    {DType::f32, "F32", 4},
    {DType::f16, "F16", 2},
    {DType::bf16, "BF16", 2},
    {DType::f8_e4m3, "F8_E4M3", 1},
    {DType::f8_e5m2, "F8_E5M2", 1},
    {DType::i64, "I64", 8},
    {DType::i32, "I32", 4},
    {DType::i16, "I16", 2},
    {DType::i8, "I8", 1},
    {DType::u64, "U64", 8},
    {DType::u32, "U32", 4},
    {DType::u16, "U16", 2},
    {DType::u8, "U8", 1},
    {DType::boolean, "BOOL", 1},
}};

const TypeFacts& facts(DType dtype) {
  return kTypes.at(static_cast<std::size_t>(dtype));
}

}  // namespace

std::string_view name_of(DType dtype) {
  return facts(dtype).name;
}

std::size_t size_of(DType dtype) {
  return facts(dtype).size;
}

std::optional<DType> dtype_of(std::string_view name) {
  for (const TypeFacts& type : kTypes)
    if (type.name == name) return type.dtype;
  return std::nullopt;
}

std::string to_text(const Shape& shape) {
  std::string text;
  for (const Index axis : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(axis);
  return "[" + text + "]";
}

std::optional<std::size_t> byte_count(DType dtype, const Shape& shape) {
  constexpr Index most = std::numeric_limits<Index>::max();
  Index bytes = static_cast<Index>(size_of(dtype));
  bool empty = false;
  for (const Index axis : shape) {
    if (axis < 0) return std::nullopt;
    if (axis == 0) {
      empty = true;
      continue;
    }
    if (bytes > most / axis) return std::nullopt;
    bytes *= axis;
  }
  return empty ? 0 : static_cast<std::size_t>(bytes);
}

Array make_array(std::string name, DType dtype, Shape shape, Bytes bytes) {
  if (byte_count(dtype, shape) != bytes.size())
    throw Error(fmt::format("array {}: {} bytes given for {} {}", name,
                            bytes.size(), name_of(dtype), to_text(shape)));
  const auto copy = std::make_shared<const std::vector<std::byte>>(
      bytes.begin(), bytes.end());
  return {"memory", std::move(name), dtype, std::move(shape), *copy, copy};
}

Array make_array(std::string name, Shape shape, std::span<const float> values) {
  return make_array(std::move(name), DType::f32, std::move(shape),
                    std::as_bytes(values));
}

Array make_array(std::string name, Shape shape,
                 std::span<const std::int32_t> values) {
  return make_array(std::move(name), DType::i32, std::move(shape),
                    std::as_bytes(values));
}

std::string place_of(const Array& array) {
  return fmt::format("{}: array {}", array.file, array.name);
}

}  // namespace moe::io
