// A fiber: a function on a stack of its own that can stop in the middle and be resumed. All fibers
// of an OS thread run on it, one at a time. The switch is 14 instructions on x86-64 (20 ns there and
// back) and ucontext elsewhere (0.5 us: it makes system calls). AddressSanitizer and ThreadSanitizer
// are told of every switch; to the latter each fiber is a thread.
#pragma once
#include <cstddef>

#if !defined(__x86_64__) && !defined(MOE_FIBER_UCONTEXT)
#define MOE_FIBER_UCONTEXT
#endif
#if defined(MOE_FIBER_UCONTEXT)
#include <ucontext.h>
#endif

namespace moe::cuda_on_cpu {

/// A suspended point of execution.
struct Context {
  /// Makes switch_to() this context call entry(), which must not return, at the stack's top.
  void prepare(void* stack, std::size_t bytes, void (*entry)());
  /// Goes on at `to`; returns when something switches back to this context.
  void switch_to(Context& to);

#if defined(MOE_FIBER_UCONTEXT)
  ucontext_t saved;
#else
  void* stack_pointer = nullptr;
#endif
};

/// A function that can be suspended in the middle.
class Fiber {
 public:
  /// body() must not let an exception out. Throws std::bad_alloc if there is no memory for a stack.
  explicit Fiber(void (*body)());
  /// A fiber that is suspended inside its body is abandoned: its objects are not destroyed.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs the body until it returns or suspends. After it has returned, the next resume() calls it
  /// again.
  void resume();
  /// Called inside a body: returns to the caller of resume().
  static void suspend();
  /// Whether the body has returned (or was never started), so that the fiber may be used again.
  bool idle() const { return idle_; }

 private:
  static void entry();
  void enter();
  void leave();
  void* stack() const;

  void (*body_)();
  void* memory_;
  bool idle_ = true;
  Context own_, caller_;
  // The caller's stack as AddressSanitizer knows it; both stacks as ThreadSanitizer does.
  [[maybe_unused]] const void* caller_bottom_ = nullptr;
  [[maybe_unused]] std::size_t caller_bytes_ = 0;
  [[maybe_unused]] void *own_tsan_ = nullptr, *caller_tsan_ = nullptr;
};

}  // namespace moe::cuda_on_cpu
