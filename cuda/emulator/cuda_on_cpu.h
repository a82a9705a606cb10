// Runs CUDA kernels on the CPU, less kindly than a GPU would. Knows nothing of CUDA's vocabulary,
// which is in cuda_language.h.
//
// Threads are fibers of the OS thread that launches; blocks run one after another. Between two block
// barriers each warp runs alone, as far as it can. What is looked for, and how it shows:
//   missing barrier          different bits in another Settings::order: forward, reverse, random
//   data race                a report by ThreadSanitizer (-fsanitize=thread): to it every CUDA thread
//                            is a thread, ordered by __syncthreads and __syncwarp only; shuffles
//                            and votes order no memory, as CUDA says
//   uninitialised memory     shared and device memory begin as NaN (0xFFFFDEAD)
//   write out of bounds      Error: guard zones, checked after every block and launch
//   any access out of bounds AddressSanitizer (-fsanitize=address) stops it and names the line
//   divergent barrier        Error naming block, threads, files and lines: a __syncthreads that not
//                            all threads reach (sm_70 and later forgive threads that have exited,
//                            this does not), a shuffle whose lanes do not all come, or disagree
//   too much shared memory   Error, by the smallest limit of the architectures in view
// Not modelled: blocks or warps that spin until another one writes (never ends), float atomics (do
// not compile), memory order, asynchronous copies, streams, speed.
//
// Any OS thread may launch; launches take turns.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cuda/emulator/memory.h"
#include "cuda/emulator/sanitizers.h"

namespace moe::cuda_on_cpu {

/// In which order blocks, warps and lanes get their turns.
enum class Order { forward, reverse, random };

/// How the machine behaves; applies to all launches that begin later.
struct Settings {
  Order order = Order::forward;
  /// Start of the random order. Equal seeds give equal orders, launch for launch.
  std::uint64_t seed = 1;
  /// Shared memory of one block in bytes: sm_80 has 163 KiB (sm_90 and sm_100: 227).
  std::size_t shared_memory_per_block = 163 * 1024;
};
void set(const Settings& settings);

/// A position in a grid or block.
struct Index {
  unsigned x, y, z;
};
/// A place in a kernel's source. (clang 14 has no std::source_location.)
struct Where {
  const char* file;
  int line;
};
/// What each lane of a warp brought to a shuffle or vote.
using Offers = std::array<std::uint64_t, 32>;

/// Runs kernel() once for each thread of the grid. Throws Error for what is listed above and for
/// sizes that a GPU refuses; passes on what the kernel throws.
void run_grid(Index grid, Index block, std::size_t dynamic_bytes, std::function<void()> kernel);

class Fiber;

/// One thread of the running block.
struct Thread {
  enum State { ready, at_barrier, at_exchange, exited };
  Index index;
  unsigned rank;  // in the block
  State state;
  Where where;    // of the call that it waits in
  unsigned mask;  // lanes of its warp that it waits for there
  std::uint64_t offer;
  Fiber* fiber;
};

/// The running block. The member functions below are what kernels call, by way of cuda_language.h.
class Block {
 public:
  Block(Index grid, Index size, std::size_t dynamic_bytes, std::size_t shared_limit,
        std::function<void()> kernel);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const Index grid, size;
  Index index{};

  void barrier(Where where) { wait(Thread::at_barrier, 0, true, where); }
  /// Waits until every lane of `mask` has come with the same mask to the same place. Returns the
  /// offers of all, valid until the caller's next exchange. `orders_memory`: what a lane wrote before
  /// is seen by the others after.
  const Offers& exchange(unsigned mask, std::uint64_t offer, bool orders_memory, Where where);
  void* shared(const void* key, std::size_t bytes);
  void* dynamic_shared() { return shared(nullptr, dynamic_bytes_); }

  /// Runs the block at that index from beginning to end.
  void run(Index block_index);

 private:
  // Two sides, used in turn, so that a thread that leaves one meeting late learns nothing of the
  // next. Only ThreadSanitizer cares.
  struct Meeting {
    std::array<char, 2> sides{};
    unsigned side = 0;
  };

  static void thread_main();
  void start(Thread& thread, unsigned rank);
  void wait(Thread::State state, unsigned mask, bool orders_memory, Where where);
  void run_warp(unsigned warp);
  bool complete_exchanges(Thread* warp, unsigned lanes);
  bool pass_barrier();
  Meeting& meeting_of(const Thread& thread);
  [[noreturn]] void fail(const Thread& thread, const std::string& what, Where where) const;

  const std::size_t dynamic_bytes_, shared_limit_;
  const std::function<void()> kernel_;
  std::vector<Thread> threads_;
  std::vector<Offers> offers_;  // of each warp
  std::vector<unsigned char> warp_order_, lane_order_;
  SharedMemory* shared_ = nullptr;
  std::exception_ptr failure_;
  std::map<std::pair<unsigned, unsigned>, Meeting> meetings_;
  Meeting unused_;
  char started_ = 0, stopped_ = 0;  // events: what the caller, what the threads did before
};

/// Who is running; kernels see them as threadIdx and blockIdx.
inline Thread* this_thread = nullptr;
inline Block* this_block = nullptr;

}  // namespace moe::cuda_on_cpu
