// A .npz: a zip of .npy arrays.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "reference/io/array_table.h"

namespace moe::io {

/// Most bytes that the deflated entries of one file may unpack to. Stored
/// entries are bounded by the size of the file.
inline constexpr std::size_t kMostUnpacked = std::size_t{2} << 30;

/// Every array of a .npz, stored or deflated, by its name without ".npy".
///   Throws Error naming file and array for anything that is not such a file:
///   names twice, checksums wrong, sizes that the file or the array's own
///   header contradicts (before they are allocated).
ArrayTable read_npz(const std::string& path);

/// The same from memory; `file` is for messages.
ArrayTable parse_npz(Bytes bytes, const std::string& file);

/// Writes the arrays under their names, uncompressed, whole or not at all.
/// The same arrays give the same bytes. Throws Error naming the path.
void write_npz(const std::string& path, std::span<const Array> arrays);

}  // namespace moe::io
