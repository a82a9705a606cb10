// The tensors of a checkpoint folder: one .safetensors file or many.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "reference/io/array_table.h"

namespace moe::io {

/// The tensors of a folder that holds `model.safetensors`, or shards that
/// `model.safetensors.index.json` names. All files stay mapped.
class Checkpoint {
 public:
  /// Opens every file. Throws Error if there is none, if one is malformed, if
  /// the index names a file outside the folder or a tensor its file lacks.
  explicit Checkpoint(const std::string& folder);
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  /// May be moved, not copied.
  Checkpoint(Checkpoint&&) = default;
  /// May be moved, not copied.
  Checkpoint& operator=(Checkpoint&&) = default;
  ~Checkpoint() = default;

  /// The tensor of that name, or nullptr.
  const Array* find(std::string_view name) const;

  /// The tensor of that name. Throws Error naming folder and tensor.
  const Array& at(std::string_view name) const;

  /// Bytes of all tensors together, without the files' headers.
  Index tensor_bytes() const;

  /// The folder it was opened from.
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  std::map<std::string, ArrayTable> shards_;
  std::map<std::string, const Array*, std::less<>> tensors_;
};

}  // namespace moe::io
