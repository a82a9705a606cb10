// Uninitialised memory that begins on a cache line.
#pragma once
#include <cstddef>
#include <utility>

#include "reference/types.h"

namespace moe::cpu {

/// Memory of that many bytes, 64-byte aligned; nullptr for 0. Much of it asks for huge pages:
/// weights are read from end to end, and with pages of 4 KiB every line of 64 would come with a
/// walk through the page tables, twice as long in a virtual machine.
void* allocate_lines(std::size_t bytes);

/// Gives it back. What is large enough to be worth it is kept for the next who asks, the last 512 MiB
/// of it: memory that is new to a program must be cleared by the system first, and a pass over
/// many tokens would have more of it cleared than it computes rows of experts.
void release_lines(void* memory, std::size_t bytes) noexcept;

/// An uninitialised matrix for results. Much of it asks for huge pages too: to clear so many small
/// ones takes a pass over 2048 tokens 1 to 4 % of its time.
Matrix new_matrix(Index rows, Index cols);

/// Gives what is kept back to the system.
void release_kept_lines() noexcept;

/// An array of numbers, 64-byte aligned, not initialised; move-only.
template <class T>
class BufferOf {
 public:
  BufferOf() = default;
  /// Room for `size` values.
  explicit BufferOf(Index size)
      : size_(size), data_(static_cast<T*>(allocate_lines(bytes_of(size)))) {}
  BufferOf(BufferOf&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  BufferOf& operator=(BufferOf&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~BufferOf() { release_lines(data_, bytes_of(size_)); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  /// Number of values.
  Index size() const { return size_; }

 private:
  static std::size_t bytes_of(Index size) { return static_cast<std::size_t>(size) * sizeof(T); }
  Index size_ = 0;
  T* data_ = nullptr;
};

/// Of binary32 numbers.
using Buffer = BufferOf<float>;

}  // namespace moe::cpu
