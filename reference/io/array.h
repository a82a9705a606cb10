// One array of a file: element type, shape and bytes, owned or mapped.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reference/trace.h"
#include "reference/types.h"

/// Reading and writing: .npy, .npz, safetensors, Hugging Face folders.
namespace moe::io {

/// Read-only bytes that somebody else owns.
using Bytes = std::span<const std::byte>;

/// Element types of the files this library reads. All little endian.
enum class DType {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,
  f8_e5m2,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};

/// The type's name as safetensors spells it: "F32", "BF16", "BOOL", ...
std::string_view name_of(DType dtype);

/// The type of that safetensors name, or nothing.
std::optional<DType> dtype_of(std::string_view name);

/// Bytes of one element.
std::size_t size_of(DType dtype);

/// A shape as error messages show it: "[3, 4]".
std::string to_text(const Shape& shape);

/// Bytes of an array of that shape. Nothing if an axis is negative or the
/// count does not fit 63 bits, so that no allocation can start from it.
std::optional<std::size_t> byte_count(DType dtype, const Shape& shape);

/// An array: a view into bytes that `owner` keeps alive, so copies are cheap.
/// `file` and `name` say where it came from; every error repeats them.
struct Array {
  std::string file;          ///< it was read from
  std::string name;          ///< in that file
  DType dtype = DType::f32;  ///< type of its numbers
  Shape shape;               ///< slowest axis first; empty for a scalar
  Bytes bytes;               ///< C order, not aligned
  std::shared_ptr<const void> owner;  ///< keeps the bytes alive
};

/// A copy of `bytes` as an array. Throws Error unless they fill the shape.
Array make_array(std::string name, DType dtype, Shape shape, Bytes bytes);

/// A copy of values as an F32 or I32 array.
Array make_array(std::string name, Shape shape, std::span<const float> values);
/// The same for integers.
Array make_array(std::string name, Shape shape,
                 std::span<const std::int32_t> values);

/// "FILE: array NAME", the start of every error about an array.
std::string place_of(const Array& array);

}  // namespace moe::io
