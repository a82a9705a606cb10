#include "cpu/buffer.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace moe::cpu {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::align_val_t kLine{64};
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

// Small blocks have their own size. Large ones have one of eight sizes between two powers of two, so
// that batches of nearly the same shape find each other's; what is not touched takes no memory.
std::size_t size_of_block(std::size_t bytes) {
  if (bytes < kLeastKept) return bytes;
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

#if defined(__linux__)
// Asks for huge pages where they fit: a wish; where it is not granted, everything works as before.
void ask_for_huge_pages(void* memory, std::size_t size) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t last = (begin + size) / kHugePage * kHugePage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

// Where huge pages fit, pages of its own: those of the heap remember what was asked for them before.
bool has_own_pages(std::size_t size) { return kKeeps && size >= 2 * kHugePage; }

void* map_pages(std::size_t size, std::size_t used) {
  // The part that begins on a huge page, of so much that there is one.
  const std::size_t room = size + kHugePage;
  void* all = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  auto* const bytes = static_cast<std::byte*>(all);
  const std::size_t before = kHugePage - reinterpret_cast<std::uintptr_t>(all) % kHugePage;
  munmap(bytes, before);
  if (before < kHugePage) munmap(bytes + before + size, kHugePage - before);
  ask_for_huge_pages(bytes + before, used);  // none for a few bytes at the end
  return bytes + before;
}

void unmap_pages(void* memory, std::size_t size) { munmap(memory, size); }
#else
void ask_for_huge_pages(void*, std::size_t) {}
bool has_own_pages(std::size_t) { return false; }
void* map_pages(std::size_t, std::size_t) { return nullptr; }
void unmap_pages(void*, std::size_t) {}
#endif

// `size` bytes, of which `used` are asked for now.
void* take_from_system(std::size_t size, std::size_t used) {
  return has_own_pages(size) ? map_pages(size, used) : ::operator new(size, kLine);
}

void give_to_system(void* memory, std::size_t size) noexcept {
  if (has_own_pages(size))
    unmap_pages(memory, size);
  else
    ::operator delete(memory, kLine);
}

// Blocks that nobody uses. Where there is no room for one more, those go that were of no use longest.
class Kept {
 public:
  void* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& b) { return b.size == size; });
    if (found == blocks_.end()) return nullptr;
    void* const memory = found->memory;
    total_ -= size;
    blocks_.erase(found);
    return memory;
  }

  // False if there can be no room.
  bool put(void* memory, std::size_t size) noexcept {
    const std::lock_guard lock(mutex_);
    if (size > kMostKept) return false;
    try {
      blocks_.push_front({memory, size});
    } catch (const std::bad_alloc&) {
      return false;
    }
    total_ += size;
    shrink(kMostKept);
    return true;
  }

  void clear() noexcept {
    const std::lock_guard lock(mutex_);
    shrink(0);
  }

 private:
  struct Block {
    void* memory;
    std::size_t size;
  };

  void shrink(std::size_t most) noexcept {
    while (total_ > most) {
      const Block oldest = blocks_.back();
      blocks_.pop_back();
      total_ -= oldest.size;
      give_to_system(oldest.memory, oldest.size);
    }
  }

  std::mutex mutex_;
  std::list<Block> blocks_;  // the last to come first
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
  return take_from_system(size, bytes);
}

void release_lines(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return;
  const std::size_t size = size_of_block(bytes);
  if (kKeeps && size >= kLeastKept && kept().put(memory, size)) return;
  give_to_system(memory, size);
}

Matrix new_matrix(Index rows, Index cols) {
  Matrix m(rows, cols);
  ask_for_huge_pages(m.data(), static_cast<std::size_t>(m.size()) * sizeof(float));
  return m;
}

void release_kept_lines() noexcept { kept().clear(); }

}  // namespace moe::cpu
