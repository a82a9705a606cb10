// Memory that is kept for the next who asks.
#include "cpu/buffer.h"

#include <cstdint>
#include <set>

#include "tests/cpu/support.h"

namespace moe::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

bool keeps() {
  void* first = cpu::allocate_lines(kMiB);
  cpu::release_lines(first, kMiB);
  void* again = cpu::allocate_lines(kMiB);
  cpu::release_lines(again, kMiB);
  cpu::release_kept_lines();
  return first == again;
}

TEST(CpuBuffer, BeginsOnALineWhateverTheSize) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, kMiB, 5 * kMiB, 5 * kMiB + 4, 40 * kMiB}) {
    auto* memory = static_cast<unsigned char*>(cpu::allocate_lines(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0U) << bytes;
    memory[0] = 1;
    memory[bytes - 1] = 2;
    cpu::release_lines(memory, bytes);
  }
  EXPECT_EQ(cpu::allocate_lines(0), nullptr);
  cpu::release_kept_lines();
}

TEST(CpuBuffer, TheLastHalfGigabyteIsKept) {
  if (!keeps()) GTEST_SKIP() << "a sanitizer wants to see every block go";
  // Nothing is written, so this takes no memory. Sizes that are their own: 64 and 60 MiB.
  constexpr std::size_t old_size = 64 * kMiB, size = 60 * kMiB;
  void* const old_block = cpu::allocate_lines(old_size);
  std::set<void*> blocks;
  for (int i = 0; i < 8; i++) blocks.insert(cpu::allocate_lines(size));
  cpu::release_lines(old_block, old_size);
  for (void* block : blocks) cpu::release_lines(block, size);  // 64 + 8 * 60 are more than 512
  int found = 0;
  std::set<void*> taken;
  for (int i = 0; i < 8; i++) taken.insert(cpu::allocate_lines(size));
  for (void* block : taken) found += blocks.contains(block) ? 1 : 0;
  EXPECT_EQ(found, 8);
  for (void* block : taken) cpu::release_lines(block, size);
  cpu::release_kept_lines();
}

TEST(CpuBuffer, NewMatrixHasItsSizes) {
  for (const Index rows : {0, 1, 3000})
    for (const Index cols : {0, 5, 1024}) {
      Matrix m = cpu::new_matrix(rows, cols);
      EXPECT_EQ(m.rows(), rows);
      EXPECT_EQ(m.cols(), cols);
      m.setConstant(2);
      EXPECT_EQ(m.sum(), 2.0F * static_cast<float>(rows * cols));
    }
}

}  // namespace
}  // namespace moe::test
