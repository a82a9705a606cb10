#include "cuda/emulator/fiber.h"

#include <sys/mman.h>

#include <new>

#include "cuda/emulator/sanitizers.h"

#if !defined(MOE_FIBER_UCONTEXT)
// Saves the callee-saved registers on this stack and the stack pointer in *from, then does the
// reverse with `to`. The rounding mode and the flush-to-zero bits stay as they are: nobody here
// changes them.
extern "C" void moe_cuda_on_cpu_switch(void** from, void* to);
asm(R"(
.pushsection .text
.globl moe_cuda_on_cpu_switch
.hidden moe_cuda_on_cpu_switch
.type moe_cuda_on_cpu_switch, @function
moe_cuda_on_cpu_switch:
  push %rbp;  push %rbx;  push %r12;  push %r13;  push %r14;  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15;  pop %r14;  pop %r13;  pop %r12;  pop %rbx;  pop %rbp
  ret
.size moe_cuda_on_cpu_switch, . - moe_cuda_on_cpu_switch
.popsection
)");
#endif

// ThreadSanitizer keeps a shadow of the call stack for each fiber, so a function that enters on one
// fiber and leaves on another must not be instrumented at all.
#if defined(__clang__)
#define MOE_NOT_INSTRUMENTED __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define MOE_NOT_INSTRUMENTED __attribute__((noinline, no_sanitize("thread")))
#endif

namespace moe::cuda_on_cpu {
namespace {

constexpr std::size_t kGuardPage = 4096;
constexpr std::size_t kStack = 128 * 1024;
// The stacks of neighbouring fibers begin at different offsets into a page. Without this the hot
// ends of a block's stacks all fall into one set of the first-level cache (a set is chosen by the
// address modulo 4096), and every switch misses it.
constexpr unsigned kColours = 29;
constexpr std::size_t kColourBytes = 5 * 64;

unsigned next_colour = 0;   // which colour the next fiber gets; races would do no harm but are
Fiber* running = nullptr;   // impossible: the machine runs one launch at a time

}  // namespace

#if defined(MOE_FIBER_UCONTEXT)
void Context::prepare(void* stack, std::size_t bytes, void (*entry)()) {
  getcontext(&saved);
  saved.uc_stack.ss_sp = stack;
  saved.uc_stack.ss_size = bytes;
  saved.uc_link = nullptr;
  makecontext(&saved, entry, 0);
}
void Context::switch_to(Context& to) { swapcontext(&saved, &to.saved); }
#else
void Context::prepare(void* stack, std::size_t bytes, void (*entry)()) {
  void** top = reinterpret_cast<void**>(static_cast<char*>(stack) + bytes);
  *--top = nullptr;  // entry() has no caller; keeps the stack aligned as after a call
  *--top = reinterpret_cast<void*>(entry);
  stack_pointer = top - 6;  // six registers, zero because the stack is fresh
}
MOE_NOT_INSTRUMENTED void Context::switch_to(Context& to) {
  moe_cuda_on_cpu_switch(&stack_pointer, to.stack_pointer);
}
#endif

Fiber::Fiber(void (*body)()) : body_(body) {
  memory_ = mmap(nullptr, kGuardPage + kStack, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  if (mprotect(memory_, kGuardPage, PROT_NONE) != 0) {  // a stack overflow stops the program
    munmap(memory_, kGuardPage + kStack);
    throw std::bad_alloc();
  }
  own_.prepare(stack(), kStack - next_colour++ % kColours * kColourBytes, entry);
#if defined(MOE_THREAD_SANITIZER)
  own_tsan_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(MOE_THREAD_SANITIZER)
  __tsan_destroy_fiber(own_tsan_);
#endif
  allow(stack(), kStack);  // frames of an abandoned fiber must not haunt who maps this memory next
  munmap(memory_, kGuardPage + kStack);
}

void* Fiber::stack() const { return static_cast<char*>(memory_) + kGuardPage; }

void Fiber::resume() {
  running = this;
  idle_ = false;
  enter();
  running = nullptr;
}

void Fiber::suspend() { running->leave(); }

void Fiber::entry() {
  Fiber& self = *running;
#if defined(MOE_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(nullptr, &self.caller_bottom_, &self.caller_bytes_);
#endif
  for (;;) {
    self.body_();
    {
      const Unobserved here;
      self.idle_ = true;
    }
    suspend();
  }
}

#if defined(MOE_ADDRESS_SANITIZER)
void Fiber::enter() {
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, stack(), kStack);
  caller_.switch_to(own_);
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
}
void Fiber::leave() {
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, caller_bottom_, caller_bytes_);
  own_.switch_to(caller_);
  __sanitizer_finish_switch_fiber(fake, &caller_bottom_, &caller_bytes_);
}
#elif defined(MOE_THREAD_SANITIZER)
MOE_NOT_INSTRUMENTED void Fiber::enter() {
  caller_tsan_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(own_tsan_, __tsan_switch_to_fiber_no_sync);
  caller_.switch_to(own_);
}
MOE_NOT_INSTRUMENTED void Fiber::leave() {
  __tsan_switch_to_fiber(caller_tsan_, __tsan_switch_to_fiber_no_sync);
  own_.switch_to(caller_);
}
#else
void Fiber::enter() { caller_.switch_to(own_); }
void Fiber::leave() { own_.switch_to(caller_); }
#endif

}  // namespace moe::cuda_on_cpu
