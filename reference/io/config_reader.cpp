#include "reference/io/config_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "reference/error.h"

namespace moe::io {

ConfigReader::ConfigReader(const std::string& path)
    : path_(path),
      file_(read_json(path, std::size_t{16} << 20)),
      settings_(&file_) {
  if (!file_.is_object())
    throw Error(
        fmt::format("{}: expected an object, found {}", path, excerpt(file_)));
  const auto nested = file_.find("text_config");
  if (nested != file_.end() && nested->is_object()) settings_ = &*nested;
}

namespace {

const Json* value_below(const Json* value, std::string_view key) {
  while (value->is_object()) {
    const std::size_t dot = key.find('.');
    const auto found = value->find(key.substr(0, dot));
    if (found == value->end()) return nullptr;
    value = &*found;
    if (dot == std::string_view::npos) return value;
    key.remove_prefix(dot + 1);
  }
  return nullptr;
}

}  // namespace

const Json* ConfigReader::find(std::string_view key) const {
  for (const Json* level : {settings_, &file_}) {
    const Json* value = value_below(level, key);
    if (value != nullptr) return value->is_null() ? nullptr : value;
  }
  return nullptr;
}

bool ConfigReader::says_null(std::string_view key) const {
  const Json* value = value_below(settings_, key);
  return value != nullptr && value->is_null();
}

void ConfigReader::refuse(std::string_view key,
                          std::string_view expected) const {
  const Json* value = find(key);
  throw Error(fmt::format("{}: {}: expected {}, found {}", path_, key, expected,
                          value == nullptr ? "nothing" : excerpt(*value)));
}

std::optional<Index> ConfigReader::find_whole(
    std::initializer_list<std::string_view> keys, Index least,
    Index most) const {
  for (const std::string_view key : keys) {
    const Json* value = find(key);
    if (value == nullptr) continue;
    const std::string expected =
        fmt::format("a whole number from {} to {}", least, most);
    if (!value->is_number_integer()) refuse(key, expected);
    const bool huge =
        value->is_number_unsigned() &&
        value->get<std::uint64_t>() > static_cast<std::uint64_t>(most);
    if (huge || value->get<Index>() < least || value->get<Index>() > most)
      refuse(key, expected);
    return value->get<Index>();
  }
  return std::nullopt;
}

Index ConfigReader::whole(std::initializer_list<std::string_view> keys,
                          Index least, Index most) const {
  const auto value = find_whole(keys, least, most);
  if (!value) refuse(*keys.begin(), "a whole number");
  return *value;
}

std::optional<Index> ConfigReader::find_each_layers(std::string_view key,
                                                    Index least,
                                                    Index most) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_array())
    return find_whole({key}, least, most);
  const std::string expected = fmt::format(
      "one whole number from {} to {} for every layer", least, most);
  const std::vector<Index> list = *find_list(key);
  if (list.empty() || list.front() < least || list.front() > most)
    refuse(key, expected);
  for (const Index number : list)
    if (number != list.front()) refuse(key, expected);
  return list.front();
}

std::optional<float> ConfigReader::find_number(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  constexpr double most = std::numeric_limits<float>::max();
  if (!value->is_number() || !(std::fabs(value->get<double>()) <= most))
    refuse(key, "a number in the range of binary32");
  return static_cast<float>(value->get<double>());
}

std::optional<bool> ConfigReader::find_boolean(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> ConfigReader::find_text(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(key, "a string");
  return value->get<std::string>();
}

std::optional<std::vector<std::string>> ConfigReader::find_texts(
    std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  auto list = list_of_strings(*value);
  if (!list) refuse(key, "a list of strings");
  return list;
}

std::optional<std::vector<Index>> ConfigReader::find_list(
    std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) refuse(key, "a list of whole numbers");
  std::vector<Index> list;
  for (const Json& item : *value) {
    if (!item.is_number_unsigned()) refuse(key, "a list of whole numbers");
    list.push_back(item.get<Index>());
  }
  return list;
}

std::string ConfigReader::model_type() const {
  for (const Json* level : {&file_, settings_}) {
    const auto found = level->find("model_type");
    if (found != level->end() && found->is_string())
      return found->get<std::string>();
  }
  refuse("model_type", "a string");
}

}  // namespace moe::io
