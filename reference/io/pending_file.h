// Output that appears whole or not at all.
#pragma once
#include <string>
#include <string_view>

namespace moe::io {

/// A file written beside its final place and renamed at the end. Without
/// commit() nothing stays behind and an older file is left as it was.
class PendingFile {
 public:
  /// Throws Error if the folder is missing or `path` is not a regular file.
  explicit PendingFile(const std::string& path);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  /// Write here, in the same folder.
  const std::string& temporary() const { return temporary_; }

  /// Renames the temporary file to its final name.
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  bool committed_ = false;
};

/// Writes a whole file, whole or not at all. Throws Error naming the path.
void write_file(const std::string& path, std::string_view text);

}  // namespace moe::io
