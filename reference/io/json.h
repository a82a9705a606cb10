// JSON from files that nobody vouches for. For the sources of this folder
// only: it is not part of the interface.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference/types.h"

namespace moe::io {

using Json = nlohmann::json;

/// Deepest nesting of objects and arrays that is read.
inline constexpr std::size_t kDeepestJson = 64;

/// Parses one JSON value that fills the text. Throws Error starting with
/// `place` for malformed text, for a key twice in one object and for nesting
/// deeper than kDeepestJson.
Json parse_json(std::string_view text, const std::string& place);

/// Reads and parses a JSON file of at most `limit` bytes.
Json read_json(const std::string& path, std::size_t limit);

/// The strings of a list; none if it is anything else.
std::optional<std::vector<std::string>> list_of_strings(const Json& value);

/// A value as error messages show it: cut after 60 characters.
std::string excerpt(const Json& value);

}  // namespace moe::io
