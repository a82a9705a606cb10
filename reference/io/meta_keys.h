// The keys of a layer file's meta, with what each may be. For the sources of
// this folder only.
#pragma once
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "reference/error.h"
#include "reference/io/json.h"

namespace moe::io {

/// Keys of meta by name; a null counts as absent.
class Meta {
 public:
  Meta(Json json, std::string file)
      : json_(std::move(json)), file_(std::move(file)) {
    if (!json_.is_object())
      throw Error(fmt::format("{}: meta: expected an object, found {}", file_,
                              excerpt(json_)));
  }

  const Json* find(const std::string& key) {
    read_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void refuse(const std::string& key,
                           std::string_view expected) const {
    throw Error(fmt::format(
        "{}: meta key {}: expected {}, found {}", file_, key, expected,
        json_.contains(key) ? excerpt(json_.at(key)) : "nothing"));
  }

  /// One of the words, as its place in the list; `absent` if there is none.
  int word(const std::string& key, const std::vector<std::string>& words,
           int absent) {
    const Json* value = find(key);
    if (value == nullptr && absent >= 0) return absent;
    for (std::size_t i = 0; value != nullptr && i < words.size(); ++i)
      if (*value == words[i]) return static_cast<int>(i);
    std::string expected = "one of";
    for (const std::string& word : words) expected += " " + word;
    refuse(key, expected);
  }

  Index whole(const std::string& key, Index absent, bool optional = false) {
    const Json* value = find(key);
    if (value == nullptr && (absent > 0 || optional)) return absent;
    if (value == nullptr || !value->is_number_unsigned() ||
        value->get<std::uint64_t>() < 1 ||
        value->get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max())
      refuse(key, "a whole number from 1");
    return value->get<Index>();
  }

  /// A whole number from 0 that must be there.
  Index count(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr || !value->is_number_unsigned() ||
        value->get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max())
      refuse(key, "a whole number from 0");
    return value->get<Index>();
  }

  /// The one whole number that this choice allows; absent is the same.
  Index only(const std::string& key, Index value, const std::string& choice) {
    if (whole(key, value) != value)
      refuse(key, fmt::format("{}, as {} has", value, choice));
    return value;
  }

  /// So many whole numbers from 1: one number, or a list; {} if absent.
  std::vector<Index> sizes(const std::string& key, std::size_t count) {
    const Json* value = find(key);
    if (value == nullptr) return {};
    const Json list = count == 1 ? Json::array({*value}) : *value;
    std::vector<Index> result;
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i)
      if (list[i].is_number_unsigned() && list[i].get<std::uint64_t>() >= 1 &&
          list[i].get<std::uint64_t>() <=
              std::numeric_limits<std::int32_t>::max())
        result.push_back(list[i].get<Index>());
    if (!list.is_array() || list.size() != count || result.size() != count)
      refuse(key, count == 1 ? "a whole number from 1"
                             : fmt::format("{} whole numbers from 1", count));
    return result;
  }

  bool flag(const std::string& key, bool absent) {
    const Json* value = find(key);
    if (value == nullptr) return absent;
    if (!value->is_boolean()) refuse(key, "true or false");
    return value->get<bool>();
  }

  /// A finite number above 0 that must be there.
  double positive(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr || !value->is_number() ||
        !(value->get<double>() > 0) || !std::isfinite(value->get<double>()))
      refuse(key, "a positive number");
    return value->get<double>();
  }

  float number(const std::string& key, float absent) {
    const Json* value = find(key);
    if (value == nullptr) return absent;
    constexpr double most = std::numeric_limits<float>::max();
    if (!value->is_number() || !(std::fabs(value->get<double>()) <= most))
      refuse(key, "a number in the range of binary32");
    return static_cast<float>(value->get<double>());
  }

  std::string text(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) refuse(key, "a string");
    return value->get<std::string>();
  }

  std::vector<std::string> unread() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : json_.items())
      if (!read_.contains(key)) keys.push_back(key);
    return keys;
  }

 private:
  Json json_;
  std::string file_;
  std::set<std::string> read_;
};

}  // namespace moe::io
