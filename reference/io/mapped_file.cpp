#include "reference/io/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "reference/error.h"

namespace moe::io {
namespace {

/// Closes a descriptor at the end of a scope.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

Error system_error(const std::string& path, const char* what) {
  return Error(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const Descriptor file{
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) throw system_error(path, "cannot open");
  struct stat facts {};
  if (::fstat(file.number, &facts) != 0)
    throw system_error(path, "cannot stat");
  if (!S_ISREG(facts.st_mode)) throw Error(path + ": not a regular file");
  const auto size = static_cast<std::size_t>(facts.st_size);
  Bytes bytes;  // a mapping of no bytes does not exist
  if (size > 0) {
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
    if (start == MAP_FAILED) throw system_error(path, "cannot map");
    bytes = {static_cast<const std::byte*>(start), size};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::string read_text(const std::string& path, std::size_t limit) {
  const auto file = MappedFile::open(path);
  const Bytes bytes = file->bytes();
  if (bytes.size() > limit)
    throw Error(fmt::format("{}: expected at most {} bytes, found {}", path,
                            limit, bytes.size()));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace moe::io
