#include "reference/accounting/settings.h"

#include <fmt/format.h>

#include "reference/error.h"

namespace moe::accounting {
namespace {

using io::Json;

// Python writes Infinity, -Infinity and NaN, which JSON does not have. They
// become strings, so that a key that wants a number refuses them.
std::string without_bare_words(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\\' && quoted && i + 1 < text.size()) out += text[i++];
    std::string_view found;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"})
      if (!quoted && found.empty() && text.substr(i).starts_with(word))
        found = word;
    if (found.empty()) {
      out += text[i];
      continue;
    }
    out += fmt::format("\"{}\"", found);
    i += found.size() - 1;
  }
  return out;
}

const Json* below(const Json* value, std::string_view key) {
  while (value != nullptr && value->is_object()) {
    const std::size_t dot = key.find('.');
    const auto found = value->find(std::string(key.substr(0, dot)));
    if (found == value->end()) return nullptr;
    if (dot == std::string_view::npos) return &*found;
    value = &*found;
    key.remove_prefix(dot + 1);
  }
  return nullptr;
}

}  // namespace

Settings::Settings(std::string_view text, const std::string& place)
    : place_(place), file_(io::parse_json(without_bare_words(text), place)) {
  if (!file_.is_object())
    throw Error(fmt::format("{}: expected an object, found {}", place,
                            io::excerpt(file_)));
  for (const char* name : {"text_config", "language_config", "llm_config"}) {
    const auto nested = file_.find(name);
    if (nested_ == nullptr && nested != file_.end() && nested->is_object())
      nested_ = &*nested;
  }
}

const Json* Settings::find(std::string_view key) const {
  for (const Json* level : {nested_, static_cast<const Json*>(&file_)}) {
    const Json* value = level == nullptr ? nullptr : below(level, key);
    if (value != nullptr && !value->is_null()) return value;
  }
  return nullptr;
}

const Json* Settings::find(Keys keys, std::string_view& key) {
  const Json* first = nullptr;
  for (const std::string_view k : keys) {
    read_.emplace(k);
    const Json* value = find(k);
    if (value == nullptr) continue;
    if (first == nullptr) {
      first = value;
      key = k;
    } else if (*value != *first) {
      refuse(k, fmt::format("the same as {}, {}", key, io::excerpt(*first)));
    }
  }
  return first;
}

void Settings::refuse(std::string_view key, std::string_view expected) const {
  const Json* value = find(key);
  throw Error(fmt::format("{}: {}: expected {}, found {}", place_, key,
                          expected,
                          value == nullptr ? "nothing" : io::excerpt(*value)));
}

bool Settings::has(Keys keys) {
  std::string_view key;
  return find(keys, key) != nullptr;
}

bool Settings::says(Keys keys, std::string_view word) {
  std::string_view key;
  const Json* value = find(keys, key);
  return value != nullptr && value->is_string() &&
         value->get<std::string>() == word;
}

void Settings::assume(const std::string& what) {
  for (const std::string& known : assumed_)
    if (known == what) return;
  assumed_.push_back(what);
}

}  // namespace moe::accounting
