#include <fmt/format.h>
#include <zip.h>

#include <vector>

#include "reference/error.h"
#include "reference/io/mapped_file.h"
#include "reference/io/npy.h"
#include "reference/io/npy_header.h"
#include "reference/io/npz.h"

namespace moe::io {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::size_t kMostDeflateRatio = 1032;  // of the format itself

struct ArchiveCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct EntryCloser {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
using Archive = std::unique_ptr<zip_t, ArchiveCloser>;
using Entry = std::unique_ptr<zip_file_t, EntryCloser>;

Archive open_archive(Bytes bytes, const std::string& file) {
  if (bytes.empty())  // libzip would call it an archive without entries
    throw Error(file + ": not a .npz: no bytes");
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source =
      zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  Archive archive(source == nullptr
                      ? nullptr
                      : zip_open_from_source(source, ZIP_RDONLY, &error));
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (archive != nullptr) return archive;
  if (source != nullptr) zip_source_free(source);
  throw Error(fmt::format("{}: not a .npz: {}", file, why));
}

/// Unpacks entries one by one and keeps count of what they took.
class Unpacker {
 public:
  Unpacker(zip_t* archive, std::size_t file_bytes, const std::string& file)
      : archive_(archive), file_bytes_(file_bytes), file_(file) {}

  Array unpack(zip_uint64_t index) {
    zip_stat_t facts;
    if (zip_stat_index(archive_, index, 0, &facts) != 0 ||
        (facts.valid & kWanted) != kWanted)
      throw Error(fmt::format("{}: entry {} is unreadable", file_, index));
    std::string name = facts.name;
    if (!name.ends_with(".npy"))
      throw Error(fmt::format("{}: expected entries NAME.npy, found '{}'",
                              file_, name));
    name.resize(name.size() - 4);
    const std::string place = fmt::format("{}: array {}", file_, name);
    check_size(facts, place);
    const auto bytes = read(index, facts.size, place);
    return parse_npy(*bytes, bytes, file_, name);
  }

 private:
  static constexpr zip_uint64_t kWanted =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
      ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;

  // Nothing is allocated that the file cannot hold.
  void check_size(const zip_stat_t& facts, const std::string& place) {
    const bool stored = facts.comp_method == ZIP_CM_STORE;
    if (!stored && facts.comp_method != ZIP_CM_DEFLATE)
      throw Error(
          fmt::format("{}: expected a stored or deflated entry, found "
                      "compression method {}",
                      place, facts.comp_method));
    if (facts.encryption_method != ZIP_EM_NONE)
      throw Error(place + ": the entry is encrypted");
    const bool lies =
        facts.comp_size > file_bytes_ ||
        (stored ? facts.size != facts.comp_size
                : facts.size > facts.comp_size * kMostDeflateRatio);
    if (lies)
      throw Error(
          fmt::format("{}: {} bytes cannot come from an entry of {} "
                      "in a file of {}",
                      place, facts.size, facts.comp_size, file_bytes_));
    (stored ? stored_ : unpacked_) += facts.size;
    if (stored_ > file_bytes_ || unpacked_ > kMostUnpacked)
      throw Error(
          fmt::format("{}: entries up to here unpack to {} bytes, "
                      "expected at most {}",
                      place, stored_ + unpacked_, kMostUnpacked));
  }

  std::shared_ptr<const std::vector<std::byte>> read(
      zip_uint64_t index, std::size_t size, const std::string& place) const {
    const Entry entry(zip_fopen_index(archive_, index, 0));
    if (entry == nullptr)
      throw Error(fmt::format("{}: {}", place, zip_strerror(archive_)));
    const auto bytes = std::make_shared<std::vector<std::byte>>();
    bytes->resize(std::min(size, kChunk));
    fill(entry.get(), *bytes, 0, place);
    parse_npy_header(*bytes, size, place);  // shape against size, beforehand
    const std::size_t have = bytes->size();
    bytes->resize(size);
    fill(entry.get(), *bytes, have, place);
    std::byte more{};
    if (zip_fread(entry.get(), &more, 1) != 0)  // also compares the checksum
      throw Error(fmt::format("{}: the entry is damaged: {}", place,
                              zip_file_strerror(entry.get())));
    return bytes;
  }

  static void fill(zip_file_t* entry, std::vector<std::byte>& bytes,
                   std::size_t at, const std::string& place) {
    while (at < bytes.size()) {
      const auto got = zip_fread(entry, &bytes[at], bytes.size() - at);
      if (got <= 0)
        throw Error(fmt::format("{}: the entry ends at byte {} of {}: {}",
                                place, at, bytes.size(),
                                zip_file_strerror(entry)));
      at += static_cast<std::size_t>(got);
    }
  }

  zip_t* archive_;
  std::size_t file_bytes_;
  const std::string& file_;
  std::size_t stored_ = 0;
  std::size_t unpacked_ = 0;
};

}  // namespace

ArrayTable parse_npz(Bytes bytes, const std::string& file) {
  const Archive archive = open_archive(bytes, file);
  ArrayTable table(file);
  Unpacker unpacker(archive.get(), bytes.size(), file);
  const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < entries; ++i)
    table.add(unpacker.unpack(static_cast<zip_uint64_t>(i)));
  return table;
}

ArrayTable read_npz(const std::string& path) {
  const auto file = MappedFile::open(path);
  return parse_npz(file->bytes(), path);
}

}  // namespace moe::io
