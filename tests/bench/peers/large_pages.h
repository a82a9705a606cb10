// Memory for weights that a peer packs, with huge pages as ours have them.
#pragma once
#include <sys/mman.h>

#include <cstdlib>
#include <memory>

namespace moe::bench {

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using Memory = std::unique_ptr<char, Free>;

/// So many bytes, on a border of 2 MiB; null if there is no room.
inline Memory allocate(std::size_t bytes) {
  constexpr std::size_t kPage = std::size_t{2} << 20;
  const std::size_t whole = (bytes + kPage - 1) / kPage * kPage;
  void* p = std::aligned_alloc(kPage, whole);
  if (p != nullptr) madvise(p, whole, MADV_HUGEPAGE);
  return Memory(static_cast<char*>(p));
}

}  // namespace moe::bench
