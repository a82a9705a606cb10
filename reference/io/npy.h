// One .npy array, from and to memory.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "reference/io/array.h"

namespace moe::io {

/// The array in `bytes`, which `owner` keeps alive. Elements in Fortran order
/// are copied into C order; everything else stays where it is.
///   Throws Error naming file and array for a header that is malformed, of an
///   unknown version or type, or asks for other than the bytes there are.
Array parse_npy(Bytes bytes, std::shared_ptr<const void> owner,
                const std::string& file, const std::string& name);

/// The array as a .npy, version 1.0. Throws Error for BF16 and F8.
std::vector<std::byte> format_npy(const Array& array);

}  // namespace moe::io
