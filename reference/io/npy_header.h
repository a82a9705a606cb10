// The header of a .npy array: a Python dictionary in text.
//   "\x93NUMPY" major minor length "{'descr': '<f4', 'fortran_order': False,
//   'shape': (3, 4), }" spaces newline
// source: numpy.lib.format, versions 1.0, 2.0 and 3.0.
#pragma once
#include <string>

#include "reference/io/array.h"

namespace moe::io {

/// What a header says, checked against the bytes that hold it.
struct NpyHeader {
  DType dtype = DType::f32;
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;  ///< where the elements start
  std::size_t data_bytes = 0;   ///< bytes the shape asks for
};

/// Parses the header at the start of `bytes`. `file_bytes` is the size of the
/// whole .npy: what the shape asks for must be exactly what is left of it.
/// Throws Error starting with `place`.
NpyHeader parse_npy_header(Bytes bytes, std::size_t file_bytes,
                           const std::string& place);

/// The header numpy would write, padded so that elements start at a multiple
/// of 64 bytes. Throws Error for types .npy does not have (BF16, F8).
std::string npy_header(DType dtype, const Shape& shape);

}  // namespace moe::io
