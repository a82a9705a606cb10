// CUDA's vocabulary for kernels that run on the CPU (cuda_on_cpu.h): what a kernel may say, and
// nothing else. Rounding follows IEEE 754 if the compiler is told -ffp-contract=off and no fast-math.
#pragma once
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "cuda/emulator/cuda_on_cpu.h"

// ------------------------------------------------------------------------------------- keywords
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
// The compilers cannot be told where a static of a template kernel lies, so it could neither be
// poisoned nor guarded.
#define __shared__ \
  static_assert(false, "say block_shared<T>() or dynamic_shared<T>(): see cuda/device.cuh");

// ---------------------------------------------------------------------------------------- types
using uint3 = moe::cuda_on_cpu::Index;
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// -------------------------------------------------------------------- shared memory, where am I
namespace moe::cuda_on_cpu {

template <class T>
inline char key_of = 0;  // its address stands for the type

/// The block's T in static shared memory.
template <class T>
T& block_shared() {
  static_assert(sizeof(T) <= SharedMemory::kStaticLimit,
                "static shared memory ends at 48 KiB: take dynamic_shared");
  return *static_cast<T*>(this_block->shared(&key_of<T>, sizeof(T)));
}
/// The block's dynamic shared memory.
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(this_block->dynamic_shared());
}

inline Index thread_index() {
  const Unobserved here;
  return this_thread->index;
}
inline Index block_index() {
  const Unobserved here;
  return this_block->index;
}
inline Index block_size() {
  const Unobserved here;
  return this_block->size;
}
inline Index grid_size() {
  const Unobserved here;
  return this_block->grid;
}

// ------------------------------------ warps: one exchange of 64 bits per lane serves them all

/// What __shfl_sync has an overload for.
template <class T>
concept Shuffled = std::same_as<T, float> || std::same_as<T, double> ||
                   (std::integral<T> && (sizeof(T) == 4 || sizeof(T) == 8));

/// The value of the lane that source_of(my lane) names.
template <Shuffled T>
T lane_value(unsigned mask, T value, int width, Where where, auto source_of) {
  if (width < 1 || width > 32 || (width & (width - 1)) != 0)
    throw Error("shuffle width " + std::to_string(width) + ", expected a power of two up to 32");
  std::uint64_t offer = 0;
  std::memcpy(&offer, &value, sizeof(T));
  const int source = source_of(static_cast<int>(this_thread->rank % 32));
  const Offers& offers = this_block->exchange(mask, offer, false, where);
  // A lane outside the mask gives nothing that CUDA defines.
  const std::uint64_t undefined = std::uint64_t{kPoison} << 32 | kPoison;
  const bool defined = (mask >> source & 1) != 0;
  std::memcpy(&value, defined ? &offers[static_cast<unsigned>(source)] : &undefined, sizeof(T));
  return value;
}

inline unsigned ballot(unsigned mask, bool predicate, Where where) {
  const Offers& offers = this_block->exchange(mask, predicate, false, where);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; lane++)
    if ((mask >> lane & 1) != 0 && offers[lane] != 0) result |= 1u << lane;
  return result;
}

/// What atomicAdd and its kin have an overload for: integers only, a float sum would depend on the
/// order.
template <class T>
concept Counter =
    std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, unsigned long long>;

}  // namespace moe::cuda_on_cpu

#define threadIdx (::moe::cuda_on_cpu::thread_index())
#define blockIdx (::moe::cuda_on_cpu::block_index())
#define blockDim (::moe::cuda_on_cpu::block_size())
#define gridDim (::moe::cuda_on_cpu::grid_size())
constexpr int warpSize = 32;

// ------------------------------------------------------------------- barriers, votes, shuffles
// As default arguments these give the caller's place.
#define HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(HERE) { moe::cuda_on_cpu::this_block->barrier({file, line}); }
inline void __syncwarp(unsigned mask = ~0u, HERE) {
  moe::cuda_on_cpu::this_block->exchange(mask, 0, true, {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int predicate, HERE) {
  return moe::cuda_on_cpu::ballot(mask, predicate != 0, {file, line});
}
inline int __any_sync(unsigned mask, int predicate, HERE) {
  return moe::cuda_on_cpu::ballot(mask, predicate != 0, {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int predicate, HERE) {
  return moe::cuda_on_cpu::ballot(mask, predicate == 0, {file, line}) == 0;
}

// width splits the warp into segments. A source outside the lane's own segment means the lane
// itself, except that xor may read an earlier segment (PTX ISA, "shfl.sync").
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, HERE) {
  return moe::cuda_on_cpu::lane_value(mask, value, width, {file, line}, [=](int lane) {
    return (lane & -width) | (source & (width - 1));
  });
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, HERE) {
  return moe::cuda_on_cpu::lane_value(mask, value, width, {file, line}, [=](int lane) {
    const int by = static_cast<int>(delta & 31);
    return (lane & (width - 1)) >= by ? lane - by : lane;
  });
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, HERE) {
  return moe::cuda_on_cpu::lane_value(mask, value, width, {file, line}, [=](int lane) {
    const int by = static_cast<int>(delta & 31);
    return (lane & (width - 1)) + by < width ? lane + by : lane;
  });
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, HERE) {
  return moe::cuda_on_cpu::lane_value(mask, value, width, {file, line}, [=](int lane) {
    const int other = lane ^ (bits & 31);
    return other < (lane & -width) + width ? other : lane;
  });
}
#undef HERE

// -------------------------------------------------------------------------------------- atomics
template <moe::cuda_on_cpu::Counter T>
T atomicAdd(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}
template <moe::cuda_on_cpu::Counter T>
T atomicExch(T* p, std::type_identity_t<T> v) {
  return __atomic_exchange_n(p, v, __ATOMIC_RELAXED);
}
template <moe::cuda_on_cpu::Counter T>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> v) {
  __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
template <moe::cuda_on_cpu::Counter T>
T atomicMax(T* p, std::type_identity_t<T> v) {
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (old < v &&
         !__atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
template <moe::cuda_on_cpu::Counter T>
T atomicMin(T* p, std::type_identity_t<T> v) {
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (v < old &&
         !__atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}

// --------------------------------------------------------------------------- arithmetic and bits
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(std::uint64_t{a} * b >> 32);
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x != 0 ? std::countr_zero(static_cast<unsigned>(x)) + 1 : 0; }
template <class T>
T __ldg(const T* p) {
  return *p;
}
// Of integers only: on floats CUDA's and the CPU's differ where a NaN or a signed zero comes in.
template <std::integral T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <std::integral T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}
