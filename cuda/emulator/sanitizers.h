// What the sanitizers are told about the emulator. Without one of them everything here is empty.
#pragma once
#include <cstddef>

// g++ says __SANITIZE_X__, clang says __has_feature(x_sanitizer).
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOE_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define MOE_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MOE_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__)
#define MOE_THREAD_SANITIZER 1
#endif

#if defined(MOE_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(MOE_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreReadsBegin(const char*, int);
extern "C" void AnnotateIgnoreReadsEnd(const char*, int);
extern "C" void AnnotateIgnoreWritesBegin(const char*, int);
extern "C" void AnnotateIgnoreWritesEnd(const char*, int);
#endif

namespace moe::cuda_on_cpu {

#if defined(MOE_ADDRESS_SANITIZER)
constexpr bool kAddressSanitizer = true;
/// From now on any access to these bytes stops the program ...
inline void forbid(const void* p, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(p, bytes); }
/// ... and from now on none does.
inline void allow(const void* p, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(p, bytes); }
#else
constexpr bool kAddressSanitizer = false;
inline void forbid(const void*, std::size_t) {}
inline void allow(const void*, std::size_t) {}
#endif

#if defined(MOE_THREAD_SANITIZER)
constexpr bool kThreadSanitizer = true;
/// While one lives, accesses are the emulator's own and not the kernel's.
struct Unobserved {
  Unobserved() {
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
  }
  ~Unobserved() {
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
  }
  Unobserved(const Unobserved&) = delete;
  Unobserved& operator=(const Unobserved&) = delete;
};
/// What this thread has done so far ...
inline void happens_before(void* event) { __tsan_release(event); }
/// ... is seen by every thread that says this later.
inline void happens_after(void* event) { __tsan_acquire(event); }
#else
constexpr bool kThreadSanitizer = false;
struct Unobserved {
  Unobserved() {}
};
inline void happens_before(void*) {}
inline void happens_after(void*) {}
#endif

}  // namespace moe::cuda_on_cpu
