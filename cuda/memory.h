// Memory of the device, seen from the host. Needs neither CUDA's headers nor the emulator's: what
// stands behind it is in memory.cu, compiled for either.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cuda/namespace.h"
#include "reference/error.h"
#include "reference/numerics/portable.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// Device memory, aligned to 256 bytes, not initialised. Throws Error if there is none.
void* allocate(std::size_t bytes);
/// Gives it back; nullptr is ignored.
void release(void* device) noexcept;
/// Copies, after all kernels launched before. Throws Error, also for what such a kernel did wrong.
void copy_to_device(void* device, const void* host, std::size_t bytes);
void copy_to_host(void* host, const void* device, std::size_t bytes);
/// The same for `rows` rows of `row_bytes` bytes; a row begins every `..._pitch` bytes.
void copy_rows_to_device(void* device, std::size_t device_pitch, const void* host,
                         std::size_t host_pitch, std::size_t row_bytes, std::size_t rows);
void copy_rows_to_host(void* host, std::size_t host_pitch, const void* device,
                       std::size_t device_pitch, std::size_t row_bytes, std::size_t rows);
/// Every byte becomes 0.
void clear(void* device, std::size_t bytes);

/// Device memory for `size` values of T, not initialised. Movable, not copyable.
template <class T>
class Array {
 public:
  Array() = default;
  /// Throws Error if there is no memory.
  explicit Array(std::size_t size) : size_(size) {
    if (size > std::numeric_limits<std::size_t>::max() / sizeof(T))
      throw Error("a device array of " + std::to_string(size) + " values is too large");
    if (size != 0) data_ = static_cast<T*>(allocate(size * sizeof(T)));
  }
  explicit Array(const std::vector<T>& host) : Array(host.size()) {
    if (size_ != 0) copy_to_device(data_, host.data(), size_ * sizeof(T));
  }
  ~Array() { release(data_); }
  Array(Array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }

  /// A copy on the host.
  std::vector<T> to_host() const {
    std::vector<T> host(size_);
    if (size_ != 0) copy_to_host(host.data(), data_, size_ * sizeof(T));
    return host;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Floats from one row of a device matrix to the next: the columns, rounded up to 4, so that every
/// row begins at a multiple of 16 bytes and can be moved in float4. What lies between the last
/// column and the next row is never used in a sum.
MOE_FN std::int64_t row_stride(std::int64_t columns) { return (columns + 3) / 4 * 4; }

}  // namespace moe::MOE_CUDA_NAMESPACE
