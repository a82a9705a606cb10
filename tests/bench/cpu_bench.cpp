// Speed of cpu::sparse on one SwiGLU top-k layer, beside what the machine can do in the same run.
//
//   exactmoe_bench --benchmark_filter='shape:d/T:256'
//
// Shapes: a OLMoE, b Qwen3-30B-A3B, c Mixtral with an eighth of its hidden width, d small. Up to 16
// tokens, batches take turns so that weights come from memory. Each run of the layer has a run of
// the multiply-add ceiling before it, so both see the same clocks and neighbours; shares are of
// medians. One thread is timed by CPU time, which other programs do not stretch; several by wall
// time, which they do: `chrt -f 50 exactmoe_bench ...` as root keeps them away on a machine that is
// not idle.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "check/ceiling.h"
#include "cpu/parallel.h"
#include "cpu/sparse.h"
#include "reference/numerics/bits.h"
#include "reference/sparse.h"

namespace moe {
namespace {

struct Shape {
  char name;
  Index D, F, E, K;
};
constexpr Shape kShapes[] = {{'a', 2048, 1024, 64, 8},
                             {'b', 2048, 768, 128, 8},
                             {'c', 4096, 1792, 8, 2},
                             {'d', 1024, 2816, 8, 2}};

// Uniform in [-scale, scale), quickly: a shape holds up to 600 million weights.
Matrix random_matrix(Index rows, Index cols, float scale, std::uint64_t seed) {
  Matrix m(rows, cols);
  cpu::parallel_for(cpu::thread_count(0), rows, [&](Index r, int) {
    std::uint64_t state = seed * 0x9e3779b97f4a7c15U + static_cast<std::uint64_t>(r) * 2 + 1;
    for (Index c = 0; c < cols; c++) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      m(r, c) = static_cast<float>(static_cast<std::int32_t>(state >> 32)) * 0x1p-31F * scale;
    }
  });
  return m;
}

// The layer of a shape, and a few tokens' outputs by the reference.
struct Subject {
  Shape shape;
  cpu::PreparedSparse layer;
  Matrix probe, expected;
};

Subject make_subject(const Shape& s) {
  SparseLayer layer;
  layer.router.config.chosen = s.K;
  layer.router.config.normalisation = Normalisation::sum;
  layer.router.weight = random_matrix(s.E, s.D, 0.05F, 1);
  for (Index e = 0; e < s.E; e++) {
    const auto seed = static_cast<std::uint64_t>(10 * e + 10);
    Ffn ffn;
    ffn.gate = random_matrix(s.F, s.D, 0.05F, seed);
    ffn.up = random_matrix(s.F, s.D, 0.05F, seed + 1);
    ffn.down = random_matrix(s.D, s.F, 0.05F, seed + 2);
    layer.experts.ffn.push_back(std::move(ffn));
  }
  const Matrix probe = random_matrix(2, s.D, 1, 2);
  const Matrix expected = reference::sparse(layer, probe);
  return {s, cpu::prepare(layer), probe, expected};
}

// One subject at a time: the largest has 2.4 GB of weights.
const Subject& subject(const Shape& shape) {
  static std::optional<Subject> current;
  if (!current || current->shape.name != shape.name) {
    current.reset();
    current.emplace(make_subject(shape));
  }
  return *current;
}

double now(int threads) {
  if (threads > 1)
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

bool same_bits(const Matrix& a, const Matrix& b) {
  if (!(a.rows() == b.rows() && a.cols() == b.cols() && a.size() > 0)) return false;
  return std::equal(a.data(), a.data() + a.size(), b.data(), numerics::same);
}

// Bytes of the weights that the batch's tokens touch.
double touched_bytes(const Subject& s, const Matrix& x, int threads) {
  const Routing routing = cpu::route(s.layer.router, x, nullptr, threads);
  const IntMatrix& chosen = routing.selected;
  const std::set<std::int32_t> experts(chosen.data(), chosen.data() + chosen.size());
  return 12.0 * static_cast<double>(s.shape.D * s.shape.F) * static_cast<double>(experts.size());
}

void layer_speed(benchmark::State& state, const Shape& shape, Index T, int threads) {
  const Subject& s = subject(shape);
  if (!same_bits(s.expected, cpu::sparse(s.layer, s.probe, nullptr, threads))) {
    state.SkipWithError("the reference's bits differ: no number");
    return;
  }
  std::vector<Matrix> batches;
  for (std::uint64_t i = 0; i < (T <= 16 ? 16U : 1U); i++)
    batches.push_back(random_matrix(T, shape.D, 1, 100 + i));
  std::vector<double> bytes;
  for (const Matrix& x : batches) bytes.push_back(touched_bytes(s, x, threads));
  benchmark::DoNotOptimize(cpu::sparse(s.layer, batches[0], nullptr, threads));

  std::vector<double> seconds, peaks, reads, gbytes;
  std::size_t turn = 0;
  for (auto _ : state) {
    const check::Ceiling ceiling = check::measure_ceiling(threads);
    peaks.push_back(ceiling.fma_gflops);
    reads.push_back(ceiling.read_gbytes_per_second);
    double spent = 0;
    while (spent < 0.25) {
      const std::size_t b = turn++ % batches.size();
      const double start = now(threads);
      benchmark::DoNotOptimize(cpu::sparse(s.layer, batches[b], nullptr, threads));
      seconds.push_back(now(threads) - start);
      gbytes.push_back(bytes[b] / seconds.back() * 1e-9);
      spent += seconds.back();
    }
    state.SetIterationTime(spent);
  }
  const double flops = 6.0 * static_cast<double>(shape.D * shape.F * shape.K * T);
  const double typical = median(seconds);
  const double best = *std::min_element(seconds.begin(), seconds.end());
  state.counters["ms"] = 1e3 * typical;
  state.counters["best_ms"] = 1e3 * best;
  state.counters["tokens/s"] = static_cast<double>(T) / typical;
  state.counters["GFLOP/s"] = flops / typical * 1e-9;
  state.counters["of_fma_%"] = 100 * flops / typical * 1e-9 / median(peaks);
  state.counters["best_of_fma_%"] = 100 * flops / best * 1e-9 / median(peaks);
  state.counters["GB/s"] = median(gbytes);
  state.counters["of_read_%"] = 100 * median(gbytes) / median(reads);
}

void register_all() {
  for (const Shape& shape : kShapes)
    for (const Index T : {1, 16, 256, 2048})
      for (const int threads : {1, 2})
        benchmark::RegisterBenchmark(
            fmt::format("shape:{}/T:{}/threads:{}", shape.name, T, threads).c_str(),
            [=](benchmark::State& state) { layer_speed(state, shape, T, threads); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond)
            ->Iterations(6);
}

}  // namespace
}  // namespace moe

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  moe::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
