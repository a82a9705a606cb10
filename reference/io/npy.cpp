#include "reference/io/npy.h"

#include <cstring>

#include "reference/io/npy_header.h"

namespace moe::io {
namespace {

// Element [i0, i1, ...] of Fortran order lies at i0 + n0 (i1 + n1 (i2 ...)).
std::shared_ptr<std::vector<std::byte>> to_c_order(Bytes source,
                                                   const NpyHeader& header) {
  const std::size_t size = size_of(header.dtype);
  const auto target = std::make_shared<std::vector<std::byte>>(source.size());
  const std::size_t axes = header.shape.size();
  Shape at(axes, 0);  // counts in C order: the last axis runs fastest
  for (std::size_t i = 0; i < source.size(); i += size) {
    std::size_t from = 0;
    for (std::size_t axis = axes; axis-- > 0;)
      from = from * static_cast<std::size_t>(header.shape[axis]) +
             static_cast<std::size_t>(at[axis]);
    std::memcpy(target->data() + i, source.data() + from * size, size);
    for (std::size_t axis = axes; axis-- > 0;) {
      if (++at[axis] < header.shape[axis]) break;
      at[axis] = 0;
    }
  }
  return target;
}

}  // namespace

Array parse_npy(Bytes bytes, std::shared_ptr<const void> owner,
                const std::string& file, const std::string& name) {
  Array array;
  array.file = file;
  array.name = name;
  const NpyHeader header =
      parse_npy_header(bytes, bytes.size(), place_of(array));
  array.dtype = header.dtype;
  array.shape = header.shape;
  array.bytes = bytes.subspan(header.data_offset);
  array.owner = std::move(owner);
  if (header.fortran_order && !array.bytes.empty()) {
    const auto copy = to_c_order(array.bytes, header);
    array.bytes = *copy;
    array.owner = copy;
  }
  return array;
}

std::vector<std::byte> format_npy(const Array& array) {
  const std::string header = npy_header(array.dtype, array.shape);
  const auto text = std::as_bytes(std::span(header));
  std::vector<std::byte> npy(text.begin(), text.end());
  npy.insert(npy.end(), array.bytes.begin(), array.bytes.end());
  return npy;
}

}  // namespace moe::io
