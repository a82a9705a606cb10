#include "reference/io/python_dict.h"

#include <fmt/format.h>

#include <charconv>

#include "reference/error.h"

namespace moe::io {
namespace {

/// Reads the text from left to right; every refusal names what was expected.
class Cursor {
 public:
  Cursor(std::string_view text, const std::string& place)
      : text_(text), place_(place) {}

  [[noreturn]] void refuse(std::string_view expected) const {
    std::string found;
    for (const char c : text_.substr(at_, 20))
      found += c >= ' ' && c < 127 ? c : '?';
    throw Error(fmt::format("{}: .npy header: expected {}, found '{}'", place_,
                            expected, found));
  }

  /// Takes `token` if it comes next, after spaces.
  bool take(std::string_view token) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n'))
      ++at_;
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) refuse(token);
  }

  std::string string() {
    const bool single = take("'");
    if (!single && !take("\"")) refuse("a string");
    const std::size_t end = text_.find(single ? '\'' : '"', at_);
    if (end == std::string_view::npos || end - at_ > 64)
      refuse("a short string");
    const std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }

  bool boolean() {
    if (take("True")) return true;
    if (!take("False")) refuse("True or False");
    return false;
  }

  Index number() {
    take("");
    Index value = 0;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + at_, end, value);
    if (error != std::errc() || value < 0) refuse("an axis of 0 or more");
    at_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }

  Shape tuple() {
    Shape shape;
    expect("(");
    while (!take(")")) {
      shape.push_back(number());
      const bool comma = take(",");
      if (comma) continue;
      expect(")");
      if (shape.size() == 1) refuse("(N,) for one axis");
      break;
    }
    return shape;
  }

  bool at_end() {
    take("");
    return at_ == text_.size();
  }

 private:
  std::string_view text_;
  const std::string& place_;
  std::size_t at_ = 0;
};

}  // namespace

PythonDict parse_python_dict(std::string_view text, const std::string& place) {
  Cursor cursor(text, place);
  PythonDict dict;
  bool seen[3] = {false, false, false};
  cursor.expect("{");
  while (!cursor.take("}")) {
    const std::string key = cursor.string();
    const int which = key == "descr"           ? 0
                      : key == "fortran_order" ? 1
                      : key == "shape"         ? 2
                                               : 3;
    if (which == 3 || seen[which])
      cursor.refuse("descr, fortran_order and shape, each once");
    seen[which] = true;
    cursor.expect(":");
    if (which == 0) dict.descr = cursor.string();
    if (which == 1) dict.fortran_order = cursor.boolean();
    if (which == 2) dict.shape = cursor.tuple();
    if (cursor.take(",")) continue;
    cursor.expect("}");
    break;
  }
  if (!cursor.at_end()) cursor.refuse("the end of the header");
  if (!seen[0] || !seen[1] || !seen[2])
    cursor.refuse("descr, fortran_order and shape");
  return dict;
}

}  // namespace moe::io
