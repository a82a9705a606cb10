// What every .cu file includes. Under nvcc: the CUDA runtime and nothing of the emulator. Under any
// other compiler: the same names on the CPU.
//
//   launch(kernel, grid, block, dynamic_shared_bytes, arguments...)
//                           kernel<<<grid, block, bytes>>>(arguments...)
//   block_shared<T>()       the block's T in static shared memory: T is usually a struct, "what this
//                           block shares"
//   dynamic_shared<T>()     the block's dynamic shared memory as a T*
//   MOE_UNROLL, MOE_ROLL    before a loop: copies of the body, or one body
//
// block_shared stands in for the keyword __shared__, whose storage the CPU's compilers could neither
// poison nor guard. nvcc makes the same instructions of both.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "cuda/memory.h"
#include "cuda/namespace.h"
#include "reference/error.h"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define MOE_UNROLL _Pragma("unroll")
#define MOE_ROLL _Pragma("unroll 1")
#else
#include "cuda/emulator/cuda_language.h"
#define MOE_UNROLL
#define MOE_ROLL
#endif

// Everything here lies in the tier's own namespace: both tiers may be linked into one program.
namespace moe::MOE_CUDA_NAMESPACE {

#if defined(__CUDACC__)

/// Throws Error naming the step and CUDA's own words if the call failed.
inline void check(cudaError_t status, const char* step) {
  if (status != cudaSuccess)
    throw Error(std::string("cuda: ") + step + ": " + cudaGetErrorString(status));
}

template <class T>
__device__ __forceinline__ T& block_shared() {
  __shared__ T storage;
  return storage;
}
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char bytes[];
  return reinterpret_cast<T*>(bytes);
}

template <class... P>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
            std::type_identity_t<P>... arguments) {
  if (shared_bytes > 0) {
    // Static and dynamic together may pass 48 KiB only if asked for. All that the device has is
    // asked for, so that two host threads that launch one kernel with different sizes agree.
    int device = 0;
    int most = 0;
    cudaFuncAttributes attributes{};
    check(cudaGetDevice(&device), "device");
    check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
          "device attribute");
    check(cudaFuncGetAttributes(&attributes, kernel), "kernel attributes");
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               most - static_cast<int>(attributes.sharedSizeBytes)),
          "shared memory");
  }
  kernel<<<grid, block, shared_bytes>>>(arguments...);
  check(cudaGetLastError(), "launch");
}

#else

using cuda_on_cpu::block_shared, cuda_on_cpu::dynamic_shared;

template <class... P>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
            std::type_identity_t<P>... arguments) {
  cuda_on_cpu::run_grid({grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared_bytes,
                        [=] { kernel(arguments...); });
}

#endif

/// ceil(items / per_block), as a number of blocks; throws Error if a grid cannot have so many.
inline unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  const std::int64_t blocks = (items + per_block - 1) / per_block;
  if (items < 0 || blocks > std::numeric_limits<std::int32_t>::max())
    throw Error(std::to_string(items) + " items need more blocks than a grid has");
  return static_cast<unsigned>(blocks);
}

}  // namespace moe::MOE_CUDA_NAMESPACE
