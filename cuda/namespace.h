// The kernels and their hosts are built twice into one program: by nvcc as moe::cuda, for a GPU, and
// by the C++ compiler as moe::cuda_emulated, for the CPU. Whoever compiles these headers says which
// is meant: MOE_CUDA_EMULATED defined, or not.
#pragma once

#if defined(MOE_CUDA_EMULATED)
#define MOE_CUDA_NAMESPACE cuda_emulated
#else
#define MOE_CUDA_NAMESPACE cuda
#endif

namespace moe {
/// The kernels on a GPU, or on the CPU: the same functions.
namespace MOE_CUDA_NAMESPACE {}
}  // namespace moe
