// The tile that goes on where it stopped: what steps 6 to 11 have at heart.

// Highway includes this file once per instruction set.
#if defined(EXACTMOE_LADDER_PIECE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef EXACTMOE_LADDER_PIECE_INL_H
#undef EXACTMOE_LADDER_PIECE_INL_H
#else
#define EXACTMOE_LADDER_PIECE_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "tests/bench/ladder/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moe::ladder::HWY_NAMESPACE {

// So many k are one stretch of straight code: loads and multiply-adds, and nothing that counts.
constexpr Index kStretch = 16;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr int kUnrolled = 1;  // straight code full of checks takes minutes to compile
#else
constexpr int kUnrolled = 16;
#endif

// What one call reads and writes.
struct Call {
  const float* a;            // [length][R]
  const float* b;            // [length][16], P panels b_stride apart
  Index b_stride, length;
  float* c;                  // [R][16], panels c_stride apart
  Index c_stride;
  bool resume;               // go on from c, where the piece of k before this one ended
  const float* ahead;        // lines to fetch meanwhile, of each of P panels b_stride apart ...
  Index ahead_lines;         // ... so many for every stretch of k
};

// One k of all chains.
template <int R, int N>
HWY_INLINE void one_k(const float* HWY_RESTRICT a, const V (&w)[N], V (&sum)[N][R]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const V value = hn::Set(kTag, a[r]);
#pragma GCC unroll 16
    for (int n = 0; n < N; n++) sum[n][r] = hn::MulAdd(value, w[n], sum[n][r]);
  }
}

// binary32 weights as they are.
struct Single {
  static constexpr int kPanels = 1;  // in each line
  template <int P>
  static HWY_INLINE void load(const float* b, Index stride, V (&w)[P * kVectors]) {
#pragma GCC unroll 16
    for (int n = 0; n < P * kVectors; n++) w[n] = hn::LoadU(kTag, b + place(n, stride));
  }
  template <int R, int P>
  static void tile(const Call& call);
};

template <class Kind, int R, int P>
HWY_INLINE void piece(const Call& call) {
  constexpr int N = P * Kind::kPanels * kVectors;
  const float* HWY_RESTRICT a = call.a;
  const float* HWY_RESTRICT b = call.b;
  const float* ahead = call.ahead;
  V sum[N][R];
#pragma GCC unroll 16
  for (int n = 0; n < N; n++)
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
      sum[n][r] = call.resume ? hn::LoadU(kTag, call.c + place(n, call.c_stride) + r * kPanel)
                              : hn::Zero(kTag);
  const auto step = [&](Index k) HWY_ATTR {
    V w[N];
    Kind::template load<P>(b + k * kPanel, call.b_stride, w);
    one_k(a + k * R, w, sum);
  };
  Index k = 0;
  for (; k + kStretch <= call.length; k += kStretch) {
    for (Index i = 0; i < call.ahead_lines; i++, ahead += kPanel)
      for (Index p = 0; p < P; p++) hwy::Prefetch(ahead + p * call.b_stride);
#pragma GCC unroll kUnrolled
    for (Index i = 0; i < kStretch; i++) step(k + i);
  }
  for (; k < call.length; k++) step(k);
#pragma GCC unroll 16
  for (int n = 0; n < N; n++)
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
      hn::StoreU(sum[n][r], kTag, call.c + place(n, call.c_stride) + r * kPanel);
}

template <int R, int P>
void Single::tile(const Call& call) {
  piece<Single, R, P>(call);
}

}  // namespace moe::ladder::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // EXACTMOE_LADDER_PIECE_INL_H
