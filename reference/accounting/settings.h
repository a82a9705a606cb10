// The keys of one config.json, read with suspicion. For the sources of this
// folder only.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reference/io/json.h"

namespace moe::accounting {

/// Names of one setting: models call the same thing differently.
using Keys = std::initializer_list<std::string_view>;

/// Largest size that is believed; layers have their own limit.
inline constexpr Index kLargestSize = Index{1} << 40;
/// Most layers.
inline constexpr Index kMostLayers = 10'000;

/// Settings of a model. A key may be dotted ("ffn_config.moe_top_k"). Where
/// the file nests the language model in "text_config", a key is looked for
/// there first, then outside. Null counts as absent. Several names of one
/// setting must agree. What is read is remembered, and so is every default
/// that was used. Every Error names place, key, expected and found.
class Settings {
 public:
  /// `text` is JSON, or JSON with the bare Infinity and NaN that Python
  /// writes; `place` is the file's name for messages.
  Settings(std::string_view text, const std::string& place);

  /// A whole number in [least, most] that must be there.
  Index whole(Keys keys, Index least = 1, Index most = kLargestSize);
  /// The same; absent is allowed.
  std::optional<Index> find_whole(Keys keys, Index least = 1,
                                  Index most = kLargestSize);
  /// The same; absent is `value`, which is then listed as assumed.
  Index whole_or(Index value, Keys keys, Index least = 1,
                 Index most = kLargestSize);
  /// true or false.
  std::optional<bool> find_flag(Keys keys);
  /// true or false; absent is `value`, which is then listed as assumed.
  bool flag_or(bool value, Keys keys);
  /// A string, if the key is there.
  std::optional<std::string> text(Keys keys);
  /// A list of whole numbers in [0, most], if the key is there.
  std::optional<std::vector<Index>> list(Keys keys, Index most);
  /// A list of strings, if the key is there.
  std::optional<std::vector<std::string>> texts(Keys keys);
  /// One whole number for each of L layers: a list of L, or one for all.
  std::optional<std::vector<Index>> per_layer(Keys keys, Index L, Index least,
                                              Index most);

  /// Whether the key is there and is this string ("auto").
  bool says(Keys keys, std::string_view word);
  /// Whether one of the keys is there and not null; marks it as read.
  bool has(Keys keys);
  /// Lists "KEY: VALUE" as assumed.
  void assume(const std::string& what);
  /// "PLACE: KEY: expected EXPECTED, found VALUE"
  [[noreturn]] void refuse(std::string_view key,
                           std::string_view expected) const;

  /// Refuses keys that nobody read though they look like sizes; returns the
  /// others that nobody read.
  std::vector<std::string> leftovers() const;

  /// Values that were not given.
  const std::vector<std::string>& assumed() const { return assumed_; }
  /// The file's name.
  const std::string& place() const { return place_; }

 private:
  const io::Json* find(std::string_view key) const;
  const io::Json* find(Keys keys, std::string_view& key);
  Index whole_of(const io::Json& value, std::string_view key, Index least,
                 Index most, bool in_list) const;

  std::string place_;
  io::Json file_;
  const io::Json* nested_ = nullptr;  // text_config, if there is one
  std::set<std::string, std::less<>> read_;
  std::vector<std::string> assumed_;
};

}  // namespace moe::accounting
