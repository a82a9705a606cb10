// Which instruction sets the CPU tier is compiled for and may be dispatched to: those with a fused
// multiply-add, because a chain of fma is what the numerics contract asks for. Include before any
// header of Highway, in every file that has SIMD.
//
//   x86-64   AVX2 with FMA (2013 and later), AVX-512
//   AArch64  NEON; not SVE, whose vectors have no size and cannot be the elements of a tile
#pragma once

#define HWY_DISABLED_TARGETS                                                                  \
  (HWY_SSSE3 | HWY_SSE4 | HWY_EMU128 | HWY_SCALAR | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#if defined(__x86_64__) || defined(_M_X64)
// The least that the tier needs, not the least that the compiler may assume elsewhere.
#define HWY_BASELINE_TARGETS HWY_AVX2
#endif
#include <hwy/detect_targets.h>
