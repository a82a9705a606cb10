// What the thread sanitizer must know: the OpenMP runtime is not built with it, and tells it of
// forks and joins itself (through libarcher, which comes with clang's OpenMP). Without this option
// every task handed to a thread looks like a race; a race of our own is still found.
extern "C" const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1";
}
