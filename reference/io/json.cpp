#include "reference/io/json.h"

#include <fmt/format.h>

#include <vector>

#include "reference/error.h"
#include "reference/io/mapped_file.h"

namespace moe::io {
namespace {

/// Builds the value while the parser reads, and refuses on the way.
class Builder : public Json::json_sax_t {
 public:
  explicit Builder(const std::string& place) : place_(place) {}

  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override {
    return put(value);
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON text has none

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [slot, fresh] = open_.back()->emplace(name, nullptr);
    if (!fresh)
      throw Error(
          fmt::format("{}: JSON key {} is there twice", place_, excerpt(name)));
    slot_ = &*slot;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const std::string why = std::string(error.what()).substr(0, 200);
    throw Error(fmt::format("{}: malformed JSON at byte {}: {}", place_,
                            position, why));
  }

 private:
  // Where the next value goes: the root, the end of an array, a key's slot.
  Json* place_for(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool put(Json value) {
    place_for(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (open_.size() == kDeepestJson)
      throw Error(
          fmt::format("{}: JSON nested deeper than {}", place_, kDeepestJson));
    open_.push_back(place_for(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& place_;
  Json root_;
  std::vector<Json*> open_;
  Json* slot_ = nullptr;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& place) {
  Builder builder(place);
  if (!Json::sax_parse(text, &builder)) throw Error(place + ": malformed JSON");
  return builder.take();
}

Json read_json(const std::string& path, std::size_t limit) {
  return parse_json(read_text(path, limit), path);
}

std::optional<std::vector<std::string>> list_of_strings(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> list;
  for (const Json& item : value) {
    if (!item.is_string()) return std::nullopt;
    list.push_back(item.get<std::string>());
  }
  return list;
}

std::string excerpt(const Json& value) {
  constexpr std::size_t most = 60;
  const std::string text =
      value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= most ? text : text.substr(0, most) + "...";
}

}  // namespace moe::io
