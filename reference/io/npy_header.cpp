#include "reference/io/npy_header.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/io/python_dict.h"

namespace moe::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMostAxes = 32;

struct Descr {
  std::string_view text;  // what numpy writes
  DType dtype;
};

constexpr Descr kDescrs[] = {
    {"<f8", DType::f64}, {"<f4", DType::f32}, {"<f2", DType::f16},
    {"<i8", DType::i64}, {"<i4", DType::i32}, {"<i2", DType::i16},
    {"|i1", DType::i8},  {"<u8", DType::u64}, {"<u4", DType::u32},
    {"<u2", DType::u16}, {"|u1", DType::u8},  {"|b1", DType::boolean},
};

DType dtype_from(const std::string& descr, const std::string& place) {
  for (const Descr& known : kDescrs)
    if (known.text == descr) return known.dtype;
  throw Error(fmt::format(
      "{}: expected a little-endian number type such as <f4, found '{}'", place,
      descr));
}

unsigned byte_at(Bytes bytes, std::size_t i) {
  return std::to_integer<unsigned>(bytes[i]);
}

// The dictionary's text, and where the elements start.
std::string_view dictionary(Bytes bytes, const std::string& place,
                            std::size_t& data_offset) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()),
                             bytes.size());
  if (!all.starts_with(kMagic) || all.size() < 10)
    throw Error(place + ": not a .npy array (no \\x93NUMPY at its start)");
  const unsigned version = byte_at(bytes, 6);
  const std::size_t start = version == 1 ? 10 : 12;
  if (version < 1 || version > 3 || byte_at(bytes, 7) != 0)
    throw Error(
        fmt::format("{}: expected .npy version 1.0, 2.0 or 3.0, "
                    "found {}.{}",
                    place, version, byte_at(bytes, 7)));
  if (all.size() < start) throw Error(place + ": .npy header is cut off");
  std::size_t length = byte_at(bytes, 8) | byte_at(bytes, 9) << 8;
  if (version > 1)
    length |= std::size_t{byte_at(bytes, 10)} << 16 |
              std::size_t{byte_at(bytes, 11)} << 24;
  if (length > all.size() - start)
    throw Error(fmt::format("{}: .npy header of {} bytes, but only {} follow",
                            place, length, all.size() - start));
  data_offset = start + length;
  return all.substr(start, length);
}

}  // namespace

NpyHeader parse_npy_header(Bytes bytes, std::size_t file_bytes,
                           const std::string& place) {
  NpyHeader header;
  const std::string_view text = dictionary(bytes, place, header.data_offset);
  const PythonDict dict = parse_python_dict(text, place);
  header.dtype = dtype_from(dict.descr, place);
  header.fortran_order = dict.fortran_order;
  header.shape = dict.shape;
  if (header.shape.size() > kMostAxes)
    throw Error(fmt::format("{}: expected at most {} axes, found {}", place,
                            kMostAxes, header.shape.size()));
  const auto wanted = byte_count(header.dtype, header.shape);
  const std::size_t left = file_bytes - header.data_offset;
  if (wanted != left)
    throw Error(fmt::format("{}: shape {} of {} asks for {} bytes, found {}",
                            place, to_text(header.shape), name_of(header.dtype),
                            wanted ? std::to_string(*wanted) : "more than 2^63",
                            left));
  header.data_bytes = left;
  return header;
}

std::string npy_header(DType dtype, const Shape& shape) {
  std::string descr;
  for (const Descr& known : kDescrs)
    if (known.dtype == dtype) descr = known.text;
  if (descr.empty())
    throw Error(fmt::format("a .npy cannot hold {}", name_of(dtype)));
  const std::string list = to_text(shape);  // "[3, 4]"
  std::string axes = list.substr(1, list.size() - 2);
  if (shape.size() == 1) axes += ',';
  std::string dict =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                  descr, axes);
  while ((10 + dict.size() + 1) % 64 != 0) dict += ' ';
  dict += '\n';
  if (dict.size() > 0xffff) throw Error("too many axes for a .npy");
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff),
             static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

}  // namespace moe::io
