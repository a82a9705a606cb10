#include "cpu/buffer.h"

#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace moe::cpu {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kLeastKept = std::size_t{256} << 10;
constexpr std::size_t kMostKept = std::size_t{512} << 20;

// A sanitizer wants to see every block go.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kKeeps = false;
#elif defined(__has_feature)
constexpr bool kKeeps = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kKeeps = true;
#endif

// Where a huge page could not fit, a cache line is enough.
std::align_val_t alignment(std::size_t bytes) {
  return std::align_val_t{bytes < 2 * kHugePage ? 64 : kHugePage};
}

// Small blocks have their own size. Large ones have one of eight sizes between two powers of two, so
// that batches of nearly the same shape find each other's; what is not touched takes no memory.
std::size_t size_of_block(std::size_t bytes) {
  if (bytes < kLeastKept) return bytes;
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

void* take_from_system(std::size_t size) {
  void* memory = ::operator new(size, alignment(size));
#if defined(__linux__)
  // A wish: where it is not granted, everything works as before.
  if (alignment(size) == std::align_val_t{kHugePage}) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

// Blocks that nobody uses, by size.
class Kept {
 public:
  void* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(size);
    if (found == blocks_.end() || found->second.empty()) return nullptr;
    void* memory = found->second.back();
    found->second.pop_back();
    total_ -= size;
    return memory;
  }

  // False if there is no room.
  bool put(void* memory, std::size_t size) noexcept {
    const std::lock_guard lock(mutex_);
    if (total_ + size > kMostKept) return false;
    try {
      blocks_[size].push_back(memory);
    } catch (const std::bad_alloc&) {
      return false;
    }
    total_ += size;
    return true;
  }

  void clear() noexcept {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : blocks_)
      for (void* memory : blocks) ::operator delete(memory, alignment(size));
    blocks_.clear();
    total_ = 0;
  }

 private:
  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> blocks_;
  std::size_t total_ = 0;
};

// Never destroyed: buffers with static storage may outlive any object of this file.
Kept& kept() {
  static Kept& all = *new Kept;
  return all;
}

}  // namespace

void* allocate_lines(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t size = size_of_block(bytes);
  if (kKeeps && size >= kLeastKept)
    if (void* memory = kept().take(size)) return memory;
  return take_from_system(size);
}

void release_lines(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return;
  const std::size_t size = size_of_block(bytes);
  if (kKeeps && size >= kLeastKept && kept().put(memory, size)) return;
  ::operator delete(memory, alignment(size));
}

void release_kept_lines() noexcept { kept().clear(); }

}  // namespace moe::cpu
