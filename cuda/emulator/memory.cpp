#include "cuda/emulator/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "cuda/emulator/sanitizers.h"

namespace moe::cuda_on_cpu {
namespace {

// Guard zones: multiples of 256 bytes, so that what they enclose keeps its alignment. Device buffers
// have larger ones, because a wrong row index strays further than a wrong lane.
constexpr std::size_t kSharedGuard = 256;
constexpr std::size_t kDeviceGuard = 1024;
constexpr std::size_t kPieces = 16;  // of shared memory in one kernel
constexpr std::size_t kAlignment = 256;

std::size_t round_up(std::size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

char poison_byte(std::size_t i) { return static_cast<char>(kPoison >> i % 4 * 8); }

// p must be aligned to 4 bytes.
void fill(char* p, std::size_t bytes) {
  std::size_t i = 0;
  for (; i + 4 <= bytes; i += 4) std::memcpy(p + i, &kPoison, 4);
  for (; i < bytes; i++) p[i] = poison_byte(i);
}

// Poisons [p, p + bytes) and the zones around it: `zone` bytes before, at least as many after, where
// the last zone begins at p + bytes exactly.
void guard(char* p, std::size_t bytes, std::size_t zone) {
  fill(p - zone, zone + round_up(bytes) + zone);
  forbid(p - zone, zone);
  forbid(p + bytes, round_up(bytes) - bytes + zone);
}

void unguard(char* p, std::size_t bytes, std::size_t zone) {
  allow(p - zone, zone + round_up(bytes) + zone);
}

// Whether both zones still hold the poison.
bool intact(const char* p, std::size_t bytes, std::size_t zone) {
  if (kAddressSanitizer) return true;  // it has stopped the program already
  for (std::size_t i = 0; i < zone; i += 4)
    if (std::memcmp(p - zone + i, &kPoison, 4) != 0) return false;
  const std::size_t end = round_up(bytes) + zone;
  std::size_t i = bytes;
  for (; i % 4 != 0; i++)
    if (p[i] != poison_byte(i)) return false;
  for (; i < end; i += 4)
    if (std::memcmp(p + i, &kPoison, 4) != 0) return false;
  return true;
}

Error wrote_outside(const char* what, std::size_t bytes) {
  return Error(std::string("a kernel wrote outside ") + what + " of " + std::to_string(bytes) +
               " bytes");
}

// Device buffers by address, shared by all OS threads.
struct DeviceMemory {
  std::mutex mutex;
  std::map<const char*, std::size_t> buffers;

  // Throws unless [p, p + bytes) lies in one buffer. The mutex is held by the caller.
  void require_inside(const char* p, std::size_t bytes) const {
    auto after = buffers.upper_bound(p);
    if (after != buffers.begin()) {
      const auto& [start, size] = *std::prev(after);
      const std::size_t offset = static_cast<std::size_t>(p - start);
      if (offset <= size && bytes <= size - offset) return;
    }
    throw Error("copy of " + std::to_string(bytes) + " bytes leaves its device buffer");
  }
};
DeviceMemory& device_memory() {
  static DeviceMemory memory;
  return memory;
}

}  // namespace

SharedMemory::SharedMemory(std::size_t limit)
    : limit_(limit), mapped_(round_up(limit) + kPieces * (2 * kSharedGuard + kAlignment)) {
  void* p = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw Error("no host memory for the shared memory of a block");
  base_ = static_cast<char*>(p);
}

SharedMemory::~SharedMemory() {
  clear();
  munmap(base_, mapped_);
}

void* SharedMemory::get(const void* key, std::size_t bytes) {
  for (const Piece& piece : pieces_)
    if (piece.key == key) return piece.data;
  if (key != nullptr) static_bytes_ += bytes;
  total_ += bytes;
  if (static_bytes_ > kStaticLimit)
    throw Error(std::to_string(static_bytes_) + " bytes of static shared memory; a block has " +
                std::to_string(kStaticLimit) + ": take dynamic_shared for the rest");
  if (total_ > limit_ || pieces_.size() == kPieces)
    throw Error(std::to_string(total_) + " bytes of shared memory in " +
                std::to_string(pieces_.size() + 1) + " pieces; a block has " +
                std::to_string(limit_) + " in " + std::to_string(kPieces));
  char* p = base_ + offset_ + kSharedGuard;
  guard(p, bytes, kSharedGuard);
  pieces_.push_back({key, p, bytes});
  offset_ += 2 * kSharedGuard + round_up(bytes);
  return p;
}

void SharedMemory::clear() {
  for (const Piece& piece : pieces_) unguard(piece.data, piece.bytes, kSharedGuard);
  pieces_.clear();
  offset_ = static_bytes_ = total_ = 0;
}

void SharedMemory::check() const {
  for (const Piece& piece : pieces_)
    if (!intact(piece.data, piece.bytes, kSharedGuard))
      throw wrote_outside("shared memory", piece.bytes);
}

void* allocate(std::size_t bytes) {
  const std::size_t total = 2 * kDeviceGuard + round_up(bytes);
  void* raw = total < bytes ? nullptr : std::aligned_alloc(kAlignment, total);
  if (raw == nullptr) throw Error("no memory for a device buffer of " + std::to_string(bytes) + " bytes");
  char* p = static_cast<char*>(raw) + kDeviceGuard;
  guard(p, bytes, kDeviceGuard);
  DeviceMemory& memory = device_memory();
  const std::lock_guard lock(memory.mutex);
  memory.buffers[p] = bytes;
  return p;
}

void release(void* device) noexcept {
  char* p = static_cast<char*>(device);
  DeviceMemory& memory = device_memory();
  {
    const std::lock_guard lock(memory.mutex);
    const auto found = memory.buffers.find(p);
    if (found == memory.buffers.end()) return;
    unguard(p, found->second, kDeviceGuard);
    memory.buffers.erase(found);
  }
  std::free(p - kDeviceGuard);
}

void copy_to_device(void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  DeviceMemory& memory = device_memory();
  const std::lock_guard lock(memory.mutex);
  memory.require_inside(static_cast<const char*>(device), bytes);
  std::memcpy(device, host, bytes);
}

void copy_to_host(void* host, const void* device, std::size_t bytes) {
  if (bytes == 0) return;
  DeviceMemory& memory = device_memory();
  const std::lock_guard lock(memory.mutex);
  memory.require_inside(static_cast<const char*>(device), bytes);
  std::memcpy(host, device, bytes);
}

void set_bytes(void* device, int value, std::size_t bytes) {
  if (bytes == 0) return;
  DeviceMemory& memory = device_memory();
  const std::lock_guard lock(memory.mutex);
  memory.require_inside(static_cast<const char*>(device), bytes);
  std::memset(device, value, bytes);
}

void check_device_memory() {
  DeviceMemory& memory = device_memory();
  const std::lock_guard lock(memory.mutex);
  for (const auto& [start, bytes] : memory.buffers) {
    if (intact(start, bytes, kDeviceGuard)) continue;
    char* p = const_cast<char*>(start);  // the map's keys are const, the memory is not
    fill(p - kDeviceGuard, kDeviceGuard);
    for (std::size_t i = bytes; i < round_up(bytes) + kDeviceGuard; i++) p[i] = poison_byte(i);
    throw wrote_outside("a device buffer", bytes);
  }
}

std::size_t live_buffers() {
  DeviceMemory& memory = device_memory();
  const std::lock_guard lock(memory.mutex);
  return memory.buffers.size();
}

}  // namespace moe::cuda_on_cpu
