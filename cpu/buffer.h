// Uninitialised floats that begin on a cache line.
#pragma once
#include <utility>

#include "reference/types.h"

namespace moe::cpu {

/// An array of binary32 numbers, 64-byte aligned, not initialised; move-only. Large ones ask for
/// huge pages: weights are read from end to end, and with pages of 4 KiB every line of 64 would
/// come with a walk through the page tables, twice as long in a virtual machine.
class Buffer {
 public:
  Buffer() = default;
  /// Room for `size` values.
  explicit Buffer(Index size);
  Buffer(Buffer&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer();

  float* data() { return data_; }
  const float* data() const { return data_; }
  /// Number of values.
  Index size() const { return size_; }

 private:
  Index size_ = 0;
  float* data_ = nullptr;
};

}  // namespace moe::cpu
