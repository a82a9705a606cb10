#include "check/ceiling.h"

#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "check/ceiling.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "check/timing.h"
#include "cpu/available.h"
#include "cpu/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace moe::check::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<float> kTag;
constexpr int kChains = 12;  // two a cycle with a latency of 4 or 5 want 10; 12 and two operands fit 16 registers

// n rounds of one multiply-add in each chain; returns operations done.
double fma_rounds_here(Index n, float* sink) {
  using V = hn::Vec<decltype(kTag)>;
  V acc[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) acc[i] = hn::Set(kTag, static_cast<float>(i));
  const V x = hn::LoadU(kTag, sink), y = hn::LoadU(kTag, sink + 16);  // unknown to the compiler
  for (Index r = 0; r < n; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) acc[i] = hn::MulAdd(x, y, acc[i]);
  }
#pragma GCC unroll 12
  for (int i = 1; i < kChains; i++) acc[0] = hn::Add(acc[0], acc[i]);
  hn::StoreU(acc[0], kTag, sink + 32);
  return 2.0 * kChains * static_cast<double>(hn::Lanes(kTag)) * static_cast<double>(n);
}

// Reads 4 streams of n values each: one stream does not fill the memory pipes.
void read_streams_here(const float* p, Index n, float* sink) {
  constexpr int kStreams = 4;
  const auto lanes = static_cast<Index>(hn::Lanes(kTag));
  auto sum0 = hn::Zero(kTag), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  for (Index i = 0; i + lanes <= n; i += lanes) {
    sum0 = hn::Add(sum0, hn::LoadU(kTag, p + i));
    sum1 = hn::Add(sum1, hn::LoadU(kTag, p + n + i));
    sum2 = hn::Add(sum2, hn::LoadU(kTag, p + 2 * n + i));
    sum3 = hn::Add(sum3, hn::LoadU(kTag, p + (kStreams - 1) * n + i));
  }
  hn::StoreU(hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)), kTag, sink);
}

}  // namespace moe::check::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::check {
namespace {

HWY_EXPORT(fma_rounds_here);
HWY_EXPORT(read_streams_here);

constexpr Index kSink = 64;                    // values per worker: a cache line and more apart
constexpr Index kValues = Index{1} << 26;      // 256 MiB
constexpr Index kPerStream = Index{1} << 18;   // 1 MiB

double fma_gflops(int threads, float* sinks) {
  constexpr Index rounds = 100'000, tasks_per_thread = 16;
  double operations = 0;
  const double seconds = seconds_of(threads, [&] {
    cpu::parallel_for(threads, threads * tasks_per_thread, [&](Index task, int worker) {
      const double done = HWY_DYNAMIC_DISPATCH(fma_rounds_here)(rounds, sinks + worker * kSink);
      if (task == 0) operations = done * static_cast<double>(threads * tasks_per_thread);
    });
  });
  return operations / seconds * 1e-9;
}

double read_gbytes(int threads, const float* memory, float* sinks) {
  const double seconds = seconds_of(threads, [&] {
    cpu::parallel_for(threads, kValues / kPerStream / 4, [&](Index task, int worker) {
      HWY_DYNAMIC_DISPATCH(read_streams_here)
      (memory + task * kPerStream * 4, kPerStream, sinks + worker * kSink);
    });
  });
  return static_cast<double>(kValues) * sizeof(float) / seconds * 1e-9;
}

}  // namespace

CeilingProbe::CeilingProbe(int threads) {
  cpu::require_available();
  threads_ = cpu::thread_count(threads);
  sinks_ = cpu::Buffer(threads_ * kSink);
  std::fill_n(sinks_.data(), sinks_.size(), 1.0F);
  memory_ = cpu::Buffer(kValues);
  cpu::parallel_for(threads_, kValues / kPerStream, [&](Index task, int) {
    std::fill_n(memory_.data() + task * kPerStream, kPerStream, 1.0F);
  });
}

Ceiling CeilingProbe::sample() {
  const double gflops = fma_gflops(threads_, sinks_.data());
  return {gflops, read_gbytes(threads_, memory_.data(), sinks_.data())};
}

Ceiling measure_ceiling(int threads) {
  constexpr int kPasses = 7;
  CeilingProbe probe(threads);
  Ceiling best = probe.sample();
  for (int pass = 1; pass < kPasses; pass++) {
    const Ceiling one = probe.sample();
    best.fma_gflops = std::max(best.fma_gflops, one.fma_gflops);
    best.read_gbytes_per_second = std::max(best.read_gbytes_per_second, one.read_gbytes_per_second);
  }
  return best;
}

}  // namespace moe::check
#endif  // HWY_ONCE
