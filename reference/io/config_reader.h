// Typed values of a config.json. For the sources of this folder only.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference/io/json.h"

namespace moe::io {

/// The settings of a model. A key may be dotted ("ffn_config.moe_top_k");
/// where the file nests the language model in "text_config", keys are looked
/// for there first. A key that is null counts as absent. Every Error names
/// file, key, expected and found.
class ConfigReader {
 public:
  /// Reads a file of at most 16 MiB.
  explicit ConfigReader(const std::string& path);

  /// The first key that is there, a whole number in [least, most].
  Index whole(std::initializer_list<std::string_view> keys, Index least,
              Index most) const;
  std::optional<Index> find_whole(std::initializer_list<std::string_view> keys,
                                  Index least, Index most) const;

  /// A whole number, or a list of it, once for each layer.
  std::optional<Index> find_each_layers(std::string_view key, Index least,
                                        Index most) const;

  /// A number in the range of binary32, rounded to it.
  std::optional<float> find_number(std::string_view key) const;
  std::optional<bool> find_boolean(std::string_view key) const;
  std::optional<std::string> find_text(std::string_view key) const;
  /// A list of strings.
  std::optional<std::vector<std::string>> find_texts(
      std::string_view key) const;
  /// A list of whole numbers from 0.
  std::optional<std::vector<Index>> find_list(std::string_view key) const;

  /// Whether the key is there and null.
  bool says_null(std::string_view key) const;

  /// model_type of the file itself, else of its text_config.
  std::string model_type() const;

  /// "FILE: KEY: expected EXPECTED, found VALUE"
  [[noreturn]] void refuse(std::string_view key,
                           std::string_view expected) const;

 private:
  const Json* find(std::string_view key) const;  // nullptr if null, too

  std::string path_;
  Json file_;
  const Json* settings_;
};

}  // namespace moe::io
