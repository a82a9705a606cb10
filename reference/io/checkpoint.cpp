#include "reference/io/checkpoint.h"

#include <fmt/format.h>

#include <filesystem>

#include "reference/error.h"
#include "reference/io/json.h"
#include "reference/io/safetensors.h"

namespace moe::io {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// A name in this folder and nowhere else.
std::string shard_name(const Json& value, const std::string& place) {
  const std::string name = value.is_string() ? value.get<std::string>() : "";
  const bool plain =
      name.find_first_of(std::string("/\\\0", 3)) == std::string::npos &&
      name.ends_with(".safetensors");
  if (!plain)
    throw Error(
        fmt::format("{}: expected the name of a .safetensors file in "
                    "the same folder, found {}",
                    place, excerpt(value)));
  return name;
}

}  // namespace

Checkpoint::Checkpoint(const std::string& folder) : folder_(folder) {
  const fs::path root(folder);
  std::error_code ignored;
  if (!fs::is_directory(root, ignored))
    throw Error(folder + ": expected a folder");
  if (fs::exists(root / kSingle, ignored)) {
    const auto [shard, fresh] =
        shards_.emplace(kSingle, read_safetensors((root / kSingle).string()));
    for (const Array& array : shard->second.arrays())
      tensors_.emplace(array.name, &array);
    return;
  }
  const std::string index = (root / kIndex).string();
  if (!fs::exists(index, ignored))
    throw Error(fmt::format("{}: expected {} or {}, found neither", folder,
                            kSingle, kIndex));
  const Json json = read_json(index, kLongestHeader);
  if (!json.is_object() || !json.contains("weight_map") ||
      !json["weight_map"].is_object())
    throw Error(index + ": expected an object with an object weight_map");
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    const std::string name =
        shard_name(file, fmt::format("{}: array {}", index, tensor));
    auto shard = shards_.find(name);
    if (shard == shards_.end())
      shard =
          shards_.emplace(name, read_safetensors((root / name).string())).first;
    tensors_.emplace(tensor, &shard->second.at(tensor));
  }
}

const Array* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

Index Checkpoint::tensor_bytes() const {
  Index sum = 0;
  for (const auto& [name, array] : tensors_)
    sum += static_cast<Index>(array->bytes.size());
  return sum;
}

const Array& Checkpoint::at(std::string_view name) const {
  const Array* array = find(name);
  if (array == nullptr)
    throw Error(fmt::format("{}: array {} is missing; the folder holds {}",
                            folder_, name, tensors_.size()));
  return *array;
}

}  // namespace moe::io
