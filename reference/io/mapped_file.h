// A file's bytes, mapped read-only.
#pragma once
#include <memory>
#include <string>

#include "reference/io/array.h"

namespace moe::io {

/// A regular file mapped into memory; unmapped when the last owner goes.
/// The file must not shrink meanwhile.
class MappedFile {
 public:
  /// Throws Error naming the path if it cannot be opened or is not a file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  Bytes bytes() const { return bytes_; }

 private:
  explicit MappedFile(Bytes bytes) : bytes_(bytes) {}
  Bytes bytes_;
};

/// The text of a small file. Throws Error if it has more than `limit` bytes.
std::string read_text(const std::string& path, std::size_t limit);

}  // namespace moe::io
