// Settings, second half: what a value must look like.
#include <fmt/format.h>

#include "reference/accounting/settings.h"

namespace moe::accounting {
namespace {

using io::Json;

std::string_view first_of(Keys keys) { return *keys.begin(); }

}  // namespace

Index Settings::whole_of(const Json& value, std::string_view key, Index least,
                         Index most, bool in_list) const {
  const std::string expected = fmt::format(
      "{} from {} to {}", in_list ? "whole numbers" : "a whole number", least,
      most);
  if (!value.is_number_integer()) refuse(key, expected);
  const bool huge =
      value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  if (huge || value.get<Index>() < least || value.get<Index>() > most)
    refuse(key, expected);
  return value.get<Index>();
}

std::optional<Index> Settings::find_whole(Keys keys, Index least, Index most) {
  std::string_view key;
  const Json* value = find(keys, key);
  if (value == nullptr) return std::nullopt;
  return whole_of(*value, key, least, most, false);
}

Index Settings::whole(Keys keys, Index least, Index most) {
  const auto value = find_whole(keys, least, most);
  if (!value)
    refuse(first_of(keys),
           fmt::format("a whole number from {} to {}", least, most));
  return *value;
}

Index Settings::whole_or(Index otherwise, Keys keys, Index least, Index most) {
  const auto value = find_whole(keys, least, most);
  if (!value) assume(fmt::format("{}: {}", first_of(keys), otherwise));
  return value.value_or(otherwise);
}

std::optional<bool> Settings::find_flag(Keys keys) {
  std::string_view key;
  const Json* value = find(keys, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

bool Settings::flag_or(bool otherwise, Keys keys) {
  const auto value = find_flag(keys);
  if (!value) assume(fmt::format("{}: {}", first_of(keys), otherwise));
  return value.value_or(otherwise);
}

std::optional<std::string> Settings::text(Keys keys) {
  std::string_view key;
  const Json* value = find(keys, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(key, "a string");
  return value->get<std::string>();
}

std::optional<std::vector<Index>> Settings::list(Keys keys, Index most) {
  std::string_view key;
  const Json* value = find(keys, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array())
    refuse(key, fmt::format("a list of whole numbers from 0 to {}", most));
  std::vector<Index> list;
  for (const Json& item : *value)
    list.push_back(whole_of(item, key, 0, most, true));
  return list;
}

std::optional<std::vector<std::string>> Settings::texts(Keys keys) {
  std::string_view key;
  const Json* value = find(keys, key);
  if (value == nullptr) return std::nullopt;
  auto list = io::list_of_strings(*value);
  if (!list) refuse(key, "a list of strings");
  return list;
}

std::optional<std::vector<Index>> Settings::per_layer(Keys keys, Index L,
                                                      Index least,
                                                      Index most) {
  std::string_view key;
  const Json* value = find(keys, key);
  if (value == nullptr) return std::nullopt;
  const auto layers = static_cast<std::size_t>(L);
  if (!value->is_array())
    return std::vector<Index>(layers,
                              whole_of(*value, key, least, most, false));
  if (value->size() != layers)
    refuse(key, fmt::format("{} numbers, as num_hidden_layers says, not {}", L,
                            value->size()));
  std::vector<Index> list;
  for (const Json& item : *value)
    list.push_back(whole_of(item, key, least, most, true));
  return list;
}

}  // namespace moe::accounting
