#include "reference/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "reference/error.h"
#include "reference/io/json.h"
#include "reference/io/mapped_file.h"

namespace moe::io {
namespace {

/// One entry of the header.
struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::string_view header_text(Bytes bytes, const std::string& file) {
  if (bytes.size() < 8)
    throw Error(
        fmt::format("{}: expected a safetensors header length in 8 "
                    "bytes, found {} bytes",
                    file, bytes.size()));
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;)
    length = length << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  const std::size_t left = bytes.size() - 8;
  if (length > left || length > kLongestHeader)
    throw Error(
        fmt::format("{}: header of {} bytes, but {} follow and {} "
                    "are allowed",
                    file, length, left, kLongestHeader));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8,
                              static_cast<std::size_t>(length));
  if (!text.starts_with('{'))
    throw Error(file + ": expected a header that starts with '{'");
  return text;
}

// A list of whole numbers from 0 to 2^63-1.
Shape whole_numbers(const Json& entry, const char* key,
                    const std::string& place) {
  const auto found = entry.find(key);
  const auto refuse = [&] {
    return Error(
        fmt::format("{}: {}: expected a list of whole numbers, found {}", place,
                    key, found == entry.end() ? "nothing" : excerpt(*found)));
  };
  if (found == entry.end() || !found->is_array()) throw refuse();
  Shape values;
  for (const Json& value : *found) {
    constexpr std::uint64_t most = std::numeric_limits<Index>::max();
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
      throw refuse();
    values.push_back(value.get<Index>());
  }
  return values;
}

DType dtype_entry(const Json& entry, const std::string& place) {
  const auto found = entry.find("dtype");
  if (found != entry.end() && found->is_string())
    if (const auto dtype = dtype_of(found->get_ref<const std::string&>()))
      return *dtype;
  throw Error(fmt::format("{}: expected a dtype such as F32, found {}", place,
                          found == entry.end() ? "none" : excerpt(*found)));
}

Entry parse_entry(const std::string& name, const Json& json,
                  std::size_t data_bytes, const std::string& place) {
  if (!json.is_object())
    throw Error(
        fmt::format("{}: expected an object, found {}", place, excerpt(json)));
  Entry entry{name, dtype_entry(json, place),
              whole_numbers(json, "shape", place), 0, 0};
  const Shape offsets = whole_numbers(json, "data_offsets", place);
  if (offsets.size() != 2 || offsets[0] > offsets[1] ||
      static_cast<std::size_t>(offsets[1]) > data_bytes)
    throw Error(
        fmt::format("{}: expected data_offsets [begin, end] within "
                    "{} bytes, found {}",
                    place, data_bytes, to_text(offsets)));
  entry.begin = static_cast<std::size_t>(offsets[0]);
  entry.end = static_cast<std::size_t>(offsets[1]);
  const auto wanted = byte_count(entry.dtype, entry.shape);
  if (wanted != entry.end - entry.begin)
    throw Error(fmt::format("{}: shape {} of {} asks for {} bytes, found {}",
                            place, to_text(entry.shape), name_of(entry.dtype),
                            wanted ? std::to_string(*wanted) : "more than 2^63",
                            entry.end - entry.begin));
  return entry;
}

std::vector<Entry> parse_header(const Json& header, std::size_t data_bytes,
                                const std::string& file) {
  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name == "__metadata__") continue;
    const std::string place = fmt::format("{}: array {}", file, name);
    entries.push_back(parse_entry(name, json, data_bytes, place));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  return entries;
}

}  // namespace

ArrayTable parse_safetensors(Bytes bytes,
                             const std::shared_ptr<const void>& owner,
                             const std::string& file) {
  const std::string_view text = header_text(bytes, file);
  const Json header = parse_json(text, file);
  const Bytes data = bytes.subspan(8 + text.size());
  ArrayTable table(file);
  std::size_t at = 0;
  for (Entry& entry : parse_header(header, data.size(), file)) {
    if (entry.begin != at)
      throw Error(
          fmt::format("{}: array {}: expected data at byte {}, where "
                      "the one before ends, found {}",
                      file, entry.name, at, entry.begin));
    at = entry.end;
    table.add({file, std::move(entry.name), entry.dtype, std::move(entry.shape),
               data.subspan(entry.begin, entry.end - entry.begin), owner});
  }
  if (at != data.size())
    throw Error(fmt::format("{}: the tensors end at byte {}, the file at {}",
                            file, at, data.size()));
  return table;
}

ArrayTable read_safetensors(const std::string& path) {
  const auto file = MappedFile::open(path);
  return parse_safetensors(file->bytes(), file, path);
}

}  // namespace moe::io
