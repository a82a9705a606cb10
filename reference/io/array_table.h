// The arrays of one file, by name and in the file's order.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reference/io/array.h"

namespace moe::io {

/// Arrays of one file. Names are unique.
class ArrayTable {
 public:
  /// Of a file of that name, empty.
  explicit ArrayTable(std::string file) : file_(std::move(file)) {}

  /// Adds an array. Throws Error if the name is taken.
  void add(Array array);

  /// The array of that name, or nullptr.
  const Array* find(std::string_view name) const;

  /// The array of that name. Throws Error naming file and array.
  const Array& at(std::string_view name) const;

  /// The file the arrays are of.
  const std::string& file() const { return file_; }
  /// All arrays, in the order of the file.
  const std::vector<Array>& arrays() const& { return arrays_; }
  /// The same, moved out.
  std::vector<Array> arrays() && { return std::move(arrays_); }

 private:
  std::string file_;
  std::vector<Array> arrays_;
  std::map<std::string, std::size_t, std::less<>> position_;
};

}  // namespace moe::io
