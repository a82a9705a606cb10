// Where the functions of numerics/ can be called: from any C++ code and, under
// a CUDA compiler, from device code. The one macro of reference/.
//
// Always inlined, so that a loop over a function vectorises with the
// instructions of the loop, and so that no object file can supply the body
// that another object file, compiled with other flags, ends up calling.
#pragma once

/// Marks a function as inline and callable on host and device.
#if defined(__CUDACC__)
#define MOE_FN __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define MOE_FN inline __attribute__((always_inline))
#else
#define MOE_FN inline
#endif
