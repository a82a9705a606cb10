#include "cpu/buffer.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace moe::cpu {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Where a huge page could not fit, a cache line is enough.
std::align_val_t alignment(std::size_t bytes) {
  return std::align_val_t{bytes < 2 * kHugePage ? 64 : kHugePage};
}

}  // namespace

void* allocate_lines(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = ::operator new(bytes, alignment(bytes));
#if defined(__linux__)
  // A wish: where it is not granted, everything works as before.
  if (alignment(bytes) == std::align_val_t{kHugePage}) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

void release_lines(void* memory, std::size_t bytes) noexcept {
  if (memory != nullptr) ::operator delete(memory, alignment(bytes));
}

}  // namespace moe::cpu
