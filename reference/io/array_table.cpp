#include "reference/io/array_table.h"

#include <fmt/format.h>

#include "reference/error.h"

namespace moe::io {

void ArrayTable::add(Array array) {
  if (!position_.emplace(array.name, arrays_.size()).second)
    throw Error(fmt::format("{}: array {} is there twice", file_, array.name));
  arrays_.push_back(std::move(array));
}

const Array* ArrayTable::find(std::string_view name) const {
  const auto found = position_.find(name);
  return found == position_.end() ? nullptr : &arrays_[found->second];
}

const Array& ArrayTable::at(std::string_view name) const {
  const Array* array = find(name);
  if (array == nullptr)
    throw Error(fmt::format("{}: array {} is missing; the file holds {} arrays",
                            file_, name, arrays_.size()));
  return *array;
}

}  // namespace moe::io
