#include <fmt/format.h>
#include <zip.h>

#include <memory>
#include <set>
#include <vector>

#include "reference/error.h"
#include "reference/io/npy.h"
#include "reference/io/npz.h"
#include "reference/io/pending_file.h"

namespace moe::io {
namespace {

struct ArchiveCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, ArchiveCloser>;

// 1980-01-01, the first day a zip knows: the clock leaves no trace.
constexpr zip_uint16_t kFirstDay = 1 << 5 | 1;

Archive create(const std::string& path) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, &code));
  if (archive != nullptr) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw Error(fmt::format("cannot write {}: {}", path, why));
}

// The archive reads `npy` when it is closed.
void add(zip_t* archive, const std::string& name,
         const std::vector<std::byte>& npy) {
  zip_source_t* source = zip_source_buffer(archive, npy.data(), npy.size(), 0);
  const zip_int64_t index = source == nullptr
                                ? -1
                                : zip_file_add(archive, (name + ".npy").c_str(),
                                               source, ZIP_FL_ENC_UTF_8);
  if (index < 0 && source != nullptr) zip_source_free(source);
  const auto entry = static_cast<zip_uint64_t>(index);
  if (index < 0 ||
      zip_set_file_compression(archive, entry, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, entry, 0, kFirstDay, 0) != 0)
    throw Error(
        fmt::format("cannot add array {}: {}", name, zip_strerror(archive)));
}

}  // namespace

void write_npz(const std::string& path, std::span<const Array> arrays) {
  if (arrays.empty())
    throw Error(fmt::format("cannot write {}: there are no arrays", path));
  std::vector<std::vector<std::byte>> contents;
  std::set<std::string_view> names;
  for (const Array& array : arrays) {
    if (!names.insert(array.name).second)
      throw Error(fmt::format("cannot write {}: array {} is there twice", path,
                              array.name));
    contents.push_back(format_npy(array));
  }
  PendingFile pending(path);
  Archive archive = create(pending.temporary());
  for (std::size_t i = 0; i < arrays.size(); ++i)
    add(archive.get(), arrays[i].name, contents[i]);
  if (zip_close(archive.get()) != 0)
    throw Error(
        fmt::format("cannot write {}: {}", path, zip_strerror(archive.get())));
  static_cast<void>(archive.release());  // closed
  pending.commit();
}

}  // namespace moe::io
