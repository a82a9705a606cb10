#include "cuda/emulator/cuda_on_cpu.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

#include "cuda/emulator/fiber.h"

namespace moe::cuda_on_cpu {
namespace {

// One launch at a time: fibers, settings, the random state and `this_block` belong to it.
std::mutex launching;
Settings settings;
std::uint64_t random_state = 1;

// Fibers outlive the launch, because a stack costs two system calls and its first page faults.
std::vector<std::unique_ptr<Fiber>> fibers;

// splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
std::uint64_t next_random() { return mix(random_state += 0x9e3779b97f4a7c15u); }

// Rearranges a list that holds 0 .. n-1 in some order.
void rearrange(std::vector<unsigned char>& list) {
  if (settings.order != Order::random) return;  // made once, in Block's constructor
  for (std::size_t i = list.size(); i > 1; i--)
    std::swap(list[i - 1], list[next_random() % i]);
}
std::vector<unsigned char> in_order(unsigned n) {
  std::vector<unsigned char> list(n);
  const bool reverse = settings.order == Order::reverse;
  for (unsigned i = 0; i < n; i++) list[i] = static_cast<unsigned char>(reverse ? n - 1 - i : i);
  return list;
}

// The order of blocks, without a list: a grid may have 2^31 of them. Random is a Feistel network on
// the smallest even number of bits that holds n; results beyond n are sent through it again.
class BlockOrder {
 public:
  explicit BlockOrder(std::uint64_t n) : n_(n), key_(next_random()) {
    while ((std::uint64_t{1} << 2 * half_bits_) < n) half_bits_++;
  }
  std::uint64_t operator()(std::uint64_t i) const {
    if (settings.order == Order::forward) return i;
    if (settings.order == Order::reverse) return n_ - 1 - i;
    do i = scramble(i);
    while (i >= n_);
    return i;
  }

 private:
  std::uint64_t scramble(std::uint64_t i) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t high = i >> half_bits_, low = i & mask;
    for (std::uint64_t round = 0; round < 4; round++) {
      const std::uint64_t next = high ^ (mix(key_ + low * 4 + round) & mask);
      high = low;
      low = next;
    }
    return high << half_bits_ | low;
  }
  std::uint64_t n_, key_;
  unsigned half_bits_ = 1;
};

std::string text(Index i) {
  std::string s = "(";
  s.append(std::to_string(i.x)).append(",").append(std::to_string(i.y)).append(",");
  return s.append(std::to_string(i.z)).append(")");
}
std::string text(Where w) { return std::string(w.file) + ":" + std::to_string(w.line); }
std::string describe(const Thread& t) {
  return "thread " + text(t.index) +
         (t.state == Thread::exited ? ", which has exited" : ", which waits at " + text(t.where));
}

// Whether both wait in the same call, or both have exited.
bool together(const Thread& a, const Thread& b) {
  if (a.state != b.state || a.state == Thread::exited) return a.state == b.state;
  return a.mask == b.mask && a.where.line == b.where.line &&
         std::strcmp(a.where.file, b.where.file) == 0;
}

// The first lane that t waits for and that is not there; 32 if they all are.
unsigned absent_lane(const Thread* warp, unsigned lanes, const Thread& t) {
  for (unsigned lane = 0; lane < 32; lane++)
    if ((t.mask >> lane & 1) != 0 && (lane >= lanes || !together(t, warp[lane]))) return lane;
  return 32;
}

// What a GPU refuses (CUDA programming guide, "Technical Specifications per Compute Capability").
void require_launchable(Index grid, Index block) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const bool block_ok = block.x >= 1 && block.y >= 1 && block.z >= 1 && block.x <= 1024 &&
                        block.y <= 1024 && block.z <= 64 && threads <= 1024;
  const bool grid_ok = grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffff &&
                       grid.y <= 65535 && grid.z <= 65535;
  if (!block_ok || !grid_ok)
    throw Error("invalid launch configuration: grid " + text(grid) + ", block " + text(block));
}

}  // namespace

void set(const Settings& new_settings) {
  const std::lock_guard lock(launching);
  settings = new_settings;
  random_state = new_settings.seed;
}

void run_grid(Index grid, Index block, std::size_t dynamic_bytes, std::function<void()> kernel) {
  require_launchable(grid, block);
  const std::lock_guard lock(launching);
  const Unobserved here;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  const BlockOrder order(blocks);
  Block machine(grid, block, dynamic_bytes, settings.shared_memory_per_block, std::move(kernel));
  for (std::uint64_t i = 0; i < blocks; i++) {
    const std::uint64_t b = order(i);
    machine.run({static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                 static_cast<unsigned>(b / grid.x / grid.y)});
  }
  check_device_memory();
}

Block::Block(Index grid_size, Index block_size, std::size_t dynamic_bytes,
             std::size_t shared_limit, std::function<void()> kernel)
    : grid(grid_size),
      size(block_size),
      dynamic_bytes_(dynamic_bytes),
      shared_limit_(shared_limit),
      kernel_(std::move(kernel)),
      threads_(std::size_t{size.x} * size.y * size.z),
      offers_((threads_.size() + 31) / 32),
      warp_order_(in_order(static_cast<unsigned>(offers_.size()))),
      lane_order_(in_order(32)) {
  if (dynamic_bytes > shared_limit)
    throw Error("invalid launch configuration: " + std::to_string(dynamic_bytes) +
                " bytes of dynamic shared memory; a block has " + std::to_string(shared_limit));
  while (fibers.size() < threads_.size())
    fibers.push_back(std::make_unique<Fiber>(&Block::thread_main));
  this_block = this;
}

// Also after a failure, when fibers are left suspended inside a kernel: those cannot be used again.
Block::~Block() {
  happens_after(&stopped_);  // what the kernel wrote is seen by the caller
  this_block = nullptr;
  this_thread = nullptr;
  std::erase_if(fibers, [](const auto& fiber) { return !fiber->idle(); });
}

void Block::run(Index block_index) {
  index = block_index;
  SharedMemory shared(shared_limit_);
  shared_ = &shared;
  for (unsigned i = 0; i < threads_.size(); i++) start(threads_[i], i);
  happens_before(&started_);
  do {
    rearrange(warp_order_);
    for (unsigned warp : warp_order_) run_warp(warp);
  } while (pass_barrier());
  shared.check();
  shared_ = nullptr;
  if (kThreadSanitizer)  // fresh ones, or else it would take one block to be ordered before the next
    for (Thread& t : threads_) fibers[t.rank] = std::make_unique<Fiber>(&Block::thread_main);
}

const Offers& Block::exchange(unsigned mask, std::uint64_t offer, bool orders_memory,
                              Where where) {
  if ((mask >> this_thread->rank % 32 & 1) == 0)
    fail(*this_thread, "is not in its own mask", where);
  {
    const Unobserved here;
    this_thread->offer = offer;
  }
  wait(Thread::at_exchange, mask, orders_memory, where);
  return offers_[this_thread->rank / 32];
}

void* Block::shared(const void* key, std::size_t bytes) {
  const Unobserved here;
  return shared_->get(key, bytes);
}

void Block::start(Thread& t, unsigned rank) {
  t.index = {rank % size.x, rank / size.x % size.y, rank / size.x / size.y};
  t.rank = rank;
  t.state = Thread::ready;
  t.fiber = fibers[rank].get();
}

// The body of every fiber: one thread of whatever block is running.
void Block::thread_main() {
  Block& block = *this_block;
  Thread& thread = *this_thread;
  happens_after(&block.started_);
  try {
    block.kernel_();
  } catch (...) {
    block.failure_ = std::current_exception();
  }
  happens_before(&block.stopped_);
  const Unobserved here;
  thread.state = Thread::exited;
}

void Block::wait(Thread::State state, unsigned mask, bool orders_memory, Where where) {
  void* event;
  {
    const Unobserved here;
    Thread& t = *this_thread;
    t.state = state;
    t.mask = mask;
    t.where = where;
    Meeting& meeting = meeting_of(t);
    event = &meeting.sides[meeting.side];
  }
  if (orders_memory) happens_before(event);
  happens_before(&stopped_);  // this may have been the last that is heard of this thread
  Fiber::suspend();
  if (orders_memory) happens_after(event);
}

// A warp runs until each of its lanes has exited or waits at the block's barrier.
void Block::run_warp(unsigned warp) {
  const unsigned lanes = std::min(32u, static_cast<unsigned>(threads_.size()) - 32 * warp);
  do {
    rearrange(lane_order_);
    for (unsigned lane : lane_order_) {
      if (lane >= lanes) continue;
      Thread& t = threads_[32 * warp + lane];
      if (t.state != Thread::ready) continue;
      this_thread = &t;
      t.fiber->resume();
      if (!failure_) continue;
      happens_after(&stopped_);
      std::rethrow_exception(failure_);
    }
  } while (complete_exchanges(&threads_[32 * warp], lanes));
}

// Each group of lanes that has come together gets its offers and becomes ready. If none has, who
// waits will wait for ever.
bool Block::complete_exchanges(Thread* warp, unsigned lanes) {
  bool any = false;
  const Thread* stuck = nullptr;
  for (unsigned i = 0; i < lanes; i++) {
    if (warp[i].state != Thread::at_exchange) continue;
    if (absent_lane(warp, lanes, warp[i]) < 32) {
      stuck = &warp[i];
      continue;
    }
    const unsigned mask = warp[i].mask;
    meeting_of(warp[i]).side ^= 1;
    for (unsigned lane = 0; lane < lanes; lane++) {
      if ((mask >> lane & 1) == 0) continue;
      offers_[warp->rank / 32][lane] = warp[lane].offer;
      warp[lane].state = Thread::ready;
    }
    any = true;
  }
  if (stuck != nullptr && !any) {
    const unsigned lane = absent_lane(warp, lanes, *stuck);
    fail(*stuck,
         "waits for ever for " +
             (lane < lanes ? describe(warp[lane]) : "a lane beyond the block's last"),
         stuck->where);
  }
  return any;
}

// Everybody has exited: false. Everybody waits at the same barrier: all become ready. Anything else
// is a divergent barrier.
bool Block::pass_barrier() {
  const Thread& first = threads_[0];
  for (const Thread& t : threads_)
    if (!together(t, first)) {
      const bool waits = t.state == Thread::at_barrier;
      fail(waits ? t : first, "waits for ever for " + describe(waits ? first : t),
           (waits ? t : first).where);
    }
  if (first.state == Thread::exited) return false;
  meeting_of(first).side ^= 1;
  for (Thread& t : threads_) t.state = Thread::ready;
  return true;
}

Block::Meeting& Block::meeting_of(const Thread& t) {
  if (!kThreadSanitizer) return unused_;
  return meetings_[{t.state == Thread::at_barrier ? ~0u : t.rank / 32, t.mask}];
}

void Block::fail(const Thread& t, const std::string& what, Where where) const {
  throw Error(text(where) + ": block " + text(index) + " thread " + text(t.index) + " " + what);
}

}  // namespace moe::cuda_on_cpu
