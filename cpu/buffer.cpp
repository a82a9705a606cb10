#include "cpu/buffer.h"

#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace moe::cpu {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t bytes(Index size) {
  return static_cast<std::size_t>(size) * sizeof(float);
}

// Where a huge page could not fit, a cache line is enough.
std::align_val_t alignment(Index size) {
  return std::align_val_t{bytes(size) < 2 * kHugePage ? 64 : kHugePage};
}

}  // namespace

Buffer::Buffer(Index size)
    : size_(size), data_(static_cast<float*>(::operator new(bytes(size), alignment(size)))) {
#if defined(__linux__)
  // A wish: where it is not granted, everything works as before.
  if (alignment(size) == std::align_val_t{kHugePage}) madvise(data_, bytes(size), MADV_HUGEPAGE);
#endif
}

Buffer::~Buffer() {
  ::operator delete(data_, alignment(size_));
}

}  // namespace moe::cpu
