#include "reference/io/pending_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "reference/error.h"

namespace moe::io {
namespace fs = std::filesystem;
namespace {

/// The file a path means, symbolic links followed.
fs::path target_of(const std::string& path) {
  std::error_code ignored;
  const fs::path resolved =
      fs::weakly_canonical(fs::absolute(path, ignored), ignored);
  return resolved.empty() ? fs::path(path) : resolved;
}

std::string unused_name(const fs::path& target) {
  static std::atomic<unsigned> counter = 0;
  return fmt::format("{}.{}-{}.tmp", target.string(), ::getpid(), ++counter);
}

}  // namespace

PendingFile::PendingFile(const std::string& path) {
  const fs::path target = target_of(path);
  std::error_code ignored;
  if (path.empty() || target.filename().empty())
    throw Error(fmt::format("cannot write '{}': not a file name", path));
  if (fs::exists(target, ignored) && !fs::is_regular_file(target, ignored))
    throw Error(fmt::format("cannot write {}: not a regular file", path));
  if (!fs::is_directory(target.parent_path(), ignored))
    throw Error(fmt::format("cannot write {}: no folder {}", path,
                            target.parent_path().string()));
  path_ = target.string();
  temporary_ = unused_name(target);
}

PendingFile::~PendingFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void PendingFile::commit() {
  std::error_code failure;
  fs::rename(temporary_, path_, failure);
  if (failure)
    throw Error(fmt::format("cannot write {}: {}", path_, failure.message()));
  committed_ = true;
}

void write_file(const std::string& path, std::string_view text) {
  PendingFile pending(path);
  std::ofstream out(pending.temporary(), std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) throw Error(fmt::format("cannot write {}", path));
  pending.commit();
}

}  // namespace moe::io
