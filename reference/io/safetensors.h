// A .safetensors file: a length, a JSON header, then the tensors' bytes.
//
//   8 bytes   N, little endian
//   N bytes   {"NAME": {"dtype": "F32", "shape": [2, 3],
//                       "data_offsets": [begin, end]}, ...}
//   the rest  the tensors, without gaps
//
// source: huggingface/safetensors, README, "Format".
#pragma once
#include <memory>
#include <string>

#include "reference/io/array_table.h"

namespace moe::io {

/// Longest header that the format allows.
inline constexpr std::size_t kLongestHeader = 100'000'000;

/// Every tensor of a file, mapped read-only, in the order of their bytes.
///   Throws Error naming file and tensor where the header is longer than the
///   file or the format allows, is no JSON or nests too deep, repeats a name,
///   has an unknown dtype, a shape whose bytes are not those of its offsets,
///   or offsets that overlap, leave a gap or leave the file.
ArrayTable read_safetensors(const std::string& path);

/// The same from memory that `owner` keeps alive; `file` is for messages.
ArrayTable parse_safetensors(Bytes bytes,
                             const std::shared_ptr<const void>& owner,
                             const std::string& file);

}  // namespace moe::io
