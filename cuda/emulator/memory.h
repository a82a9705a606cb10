// The memory of the emulated GPU: every piece begins as NaN and lies between two guard zones that
// nobody may touch. A write into a zone is found when the zone is checked (after every block for
// shared memory, after every launch for device memory); AddressSanitizer finds any access, at once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference/error.h"

namespace moe::cuda_on_cpu {

/// What uninitialised memory holds: a NaN, a negative int, a huge unsigned.
constexpr std::uint32_t kPoison = 0xFFFFDEAD;

/// The shared memory of one block: handed out piece by piece, each piece known by its key.
class SharedMemory {
 public:
  /// `limit` bytes in all, of which at most kStaticLimit in static pieces.
  explicit SharedMemory(std::size_t limit);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// The piece of that key, made and poisoned if it is new. The key nullptr is the dynamic piece,
  /// all others are static. Throws Error if the block has no more.
  void* get(const void* key, std::size_t bytes);
  /// Forgets all pieces: the next get() of any key gives poisoned memory again.
  void clear();
  /// Throws Error if anything was written outside a piece.
  void check() const;

  /// What nvcc allows of static shared memory, on every architecture.
  static constexpr std::size_t kStaticLimit = 48 * 1024;

 private:
  struct Piece {
    const void* key;
    char* data;
    std::size_t bytes;
  };
  std::size_t limit_, mapped_, offset_ = 0, static_bytes_ = 0, total_ = 0;
  char* base_;
  std::vector<Piece> pieces_;
};

/// Device memory, aligned to 256 bytes like the GPU's. Throws Error if there is none.
void* allocate(std::size_t bytes);
/// Gives it back. nullptr and pointers that allocate() did not give out are ignored.
void release(void* device) noexcept;
/// Copies; throws Error unless the range on the device lies inside one buffer.
void copy_to_device(void* device, const void* host, std::size_t bytes);
void copy_to_host(void* host, const void* device, std::size_t bytes);
/// Every byte of the range becomes `value`; throws Error like the copies.
void set_bytes(void* device, int value, std::size_t bytes);
/// Throws Error if a kernel wrote outside a buffer; mends the guard zone, so that it says so once.
void check_device_memory();
/// How many buffers are alive: a test's way to see a leak.
std::size_t live_buffers();

}  // namespace moe::cuda_on_cpu
