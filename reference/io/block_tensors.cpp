#include "reference/io/block_tensors.h"

#include <fmt/format.h>

#include <cctype>

#include "reference/io/array_values.h"
#include "reference/io/mxfp4.h"

namespace moe::io {
namespace {

std::string replaced(std::string_view text, std::string_view mark,
                     Index number) {
  std::string result(text);
  const std::size_t at = result.find(mark);
  if (at != std::string::npos)
    result.replace(at, mark.size(), std::to_string(number));
  return result;
}

// The name under which a tensor's first (or only) array is stored.
std::string stored_name(const Block& block, const TensorName& tensor,
                        Index expert) {
  const std::string name = full_name(block, tensor, expert);
  return tensor.coding == Coding::mxfp4 ? name + "_blocks" : name;
}

// Expert e of an array whose slowest axis goes over the E experts: an array
// of `shape`. (The whole array's shape was checked.)
Array slice(const Array& array, Index expert, Index experts,
            const Shape& shape) {
  Array part = array;
  const std::size_t bytes = array.bytes.size() / std::size_t(experts);
  part.bytes = array.bytes.subspan(std::size_t(expert) * bytes, bytes);
  part.name += fmt::format("[{}]", expert);
  part.shape = shape;
  return part;
}

// The axes of one expert's slice: "E (2 F) D" is "(2 F) D" then.
std::string without_experts(std::string_view axes) {
  std::string rest;
  for (const char c : axes)
    if (c != 'E') rest += c;
  return rest;
}

}  // namespace

std::string full_name(const Block& block, const TensorName& tensor,
                      Index expert) {
  return block.prefix + replaced(tensor.name, "{e}", expert);
}

Block find_block(const Checkpoint& checkpoint, const Family& family,
                 Index layer) {
  Block best;
  int most = -1;
  for (const Layout& layout : family.layouts)
    for (const std::string_view stem : family.stems) {
      const Block block{
          &layout, replaced(stem, "{L}", layer) + std::string(layout.block)};
      int found = 0;
      for (const auto& group : layout.tensors)
        for (const TensorName& tensor : group)
          found += checkpoint.find(stored_name(block, tensor, 0)) != nullptr;
      if (found <= most) continue;
      most = found;
      best = block;
    }
  return best;
}

std::string storage_of(const Checkpoint& checkpoint, const Block& block) {
  for (const auto& group : block.layout->tensors)
    for (const TensorName& tensor : group) {
      if (tensor.part != Part::down) continue;
      if (tensor.coding == Coding::mxfp4) return "mxfp4";
      const Array& array = checkpoint.at(full_name(block, tensor, 0));
      std::string name(name_of(array.dtype));
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      return name;
    }
  return "";
}

AxisView TensorReader::whole(const TensorName& tensor) const {
  const Array& array = checkpoint_.at(full_name(block_, tensor, 0));
  return {tensor.axes, sizes_,
          to_weights(array, stored_shape(tensor.axes, sizes_), nonfinite_)};
}

AxisView TensorReader::of_expert(const TensorName& tensor, Index expert) const {
  const std::string name = full_name(block_, tensor, expert);
  if (tensor.name.find("{e}") != std::string_view::npos)
    return {tensor.axes, sizes_,
            to_weights(checkpoint_.at(name), stored_shape(tensor.axes, sizes_),
                       nonfinite_)};
  const Index experts = sizes_.at('E');
  const std::string axes = without_experts(tensor.axes);
  const Shape shape = stored_shape(axes, sizes_);
  const Shape full = stored_shape(tensor.axes, sizes_);
  if (tensor.coding == Coding::mxfp4) {
    const Array& blocks = checkpoint_.at(name + "_blocks");
    const Array& scales = checkpoint_.at(name + "_scales");
    expect_mxfp4(blocks, scales, full);
    const Array part = slice(blocks, expert, experts, shape);
    std::vector<float> values =
        decode_mxfp4(part, slice(scales, expert, experts, shape));
    if (nonfinite_ == NonFinite::refuse) expect_finite(part, values);
    return {axes, sizes_, std::move(values)};
  }
  const Array& array = checkpoint_.at(name);
  expect_shape(array, full);
  return {axes, sizes_,
          to_weights(slice(array, expert, experts, shape), shape, nonfinite_)};
}

}  // namespace moe::io
