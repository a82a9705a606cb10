// Speed of every step of the ladder on one SwiGLU expert, beside what the machine can do.
//
//   exactmoe_ladder --table=FILE     writes the tables of docs/cpu_ladder.md too
//   exactmoe_ladder --benchmark_filter=/few_rows/ --rows=2,4,8
//
// D 1024, F 2816. Many rows: 64; a few: 8, in some of what was tried. One row: eight experts take turns, so the weights come from
// memory. A step that does not have the reference's bits gets no number. Five times, a tenth of a
// second each has a measurement of the ceilings right before it, so that both see the same clocks
// and neighbours; a share is the median of the five. One thread is timed by CPU time, which other programs do not stretch, several by the
// clock on the wall.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "check/ceiling.h"
#include "check/timing.h"
#include "cpu/expert.h"
#include "cpu/parallel.h"
#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/numerics/bits.h"
#include "reference/numerics/formats.h"
#include "tests/bench/ladder/ladder_table.h"

namespace moe::ladder {
namespace {

using check::median, check::seconds_now;

constexpr Index kD = 1024, kF = 2816, kExperts = 8;
constexpr Index kMost = 512;  // rows
const std::vector<Index> kUsual{64, 1, 8};
std::vector<Index> sizes = kUsual;

// Uniform in [-scale, scale), rounded to bf16: the numbers that every step may hold.
Matrix random_matrix(Index rows, Index cols, float scale, std::uint64_t seed) {
  Matrix m(rows, cols);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (Index i = 0; i < m.size(); i++) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const auto whole = static_cast<float>(static_cast<std::int32_t>(state >> 32));
    m.data()[i] = numerics::bf16_decode(numerics::bf16_encode(whole * 0x1p-31F * scale));
  }
  return m;
}

Ffn make_ffn(Index e) {
  const auto seed = static_cast<std::uint64_t>(10 * e + 10);
  Ffn ffn;
  ffn.gate = random_matrix(kF, kD, 0.05F, seed);
  ffn.up = random_matrix(kF, kD, 0.05F, seed + 1);
  ffn.down = random_matrix(kD, kF, 0.05F, seed + 2);
  return ffn;
}

// The rows, and what expert 0 makes of them by the reference.
struct Subject {
  Matrix x = random_matrix(kMost, kD, 1, 2);
  Ffn first = make_ffn(0);
  Matrix expected_of(Index T) const {
    return reference::linear(reference::hidden_values({}, first, x.topRows(T)), first.down, {});
  }
};
const Subject& subject() {
  static const Subject s;
  return s;
}

// One of these at a time: all experts as a step, or the shipped kernel, wants them.
struct Prepared {
  std::string name;
  std::vector<Expert> experts;
  std::vector<cpu::PreparedExperts> shipped;
};
const Prepared& prepared(const std::string& name, const Step* step) {
  static std::optional<Prepared> current;
  if (current && current->name == name) return *current;
  current.reset();
  current.emplace(Prepared{name, {}, {}});
  for (Index e = 0; e < kExperts; e++) {
    if (step != nullptr)
      current->experts.push_back(prepare(make_ffn(e), step->layout));
    else
      current->shipped.push_back(cpu::prepare(Experts{{}, {make_ffn(e)}, 0}));
  }
  return *current;
}

bool same_bits(const ConstMatrix& expected, const Matrix& found) {
  if (!(expected.rows() == found.rows() && expected.cols() == found.cols())) return false;
  return expected.size() > 0 &&
         std::equal(found.data(), found.data() + found.size(), expected.data(), numerics::same);
}

// Expert e over T rows, by a step or by the shipped kernel (no step).
void run_once(const Prepared& p, const Step* step, Index e, Index T, int threads, Matrix& y) {
  const auto i = static_cast<std::size_t>(e);
  const ConstMatrix x = subject().x.topRows(T);
  if (step != nullptr) return step->run(p.experts[i], x, y);
  Dispatch all;
  all.offsets = {0, T};
  y = cpu::run_experts(p.shipped[i], all, x, nullptr, threads);
}

void measure(benchmark::State& state, Row row, const Step* step) {
  const Prepared& p = prepared(row.name, step);
  Matrix y = Matrix::Zero(row.T, kD);
  run_once(p, step, 0, row.T, row.threads, y);
  static std::map<Index, Matrix> expected;
  if (!expected.contains(row.T)) expected[row.T] = subject().expected_of(row.T);
  if (!same_bits(expected[row.T], y)) {
    state.SkipWithError("the reference's bits differ: no number");
    return;
  }
  const double width = step != nullptr && step->layout >= Layout::halves ? 2 : 4;
  const double weights = 3.0 * static_cast<double>(kD * kF);
  const double giga_flop = 2e-9 * weights * static_cast<double>(row.T);
  const double giga_bytes = 1e-9 * width * weights;
  std::vector<double> seconds, peaks, reads, of_peak, of_read;
  Index turn = 1;
  for (auto _ : state) {
    const check::Ceiling ceiling = check::measure_ceiling(row.threads);
    std::vector<double> now_seconds;
    double spent = 0;
    for (int runs = 0; spent < 0.1 || runs < 1; runs++) {
      const double start = seconds_now(row.threads);
      run_once(p, step, turn++ % kExperts, row.T, row.threads, y);
      benchmark::DoNotOptimize(y.data());
      now_seconds.push_back(seconds_now(row.threads) - start);
      spent += now_seconds.back();
    }
    state.SetIterationTime(spent);
    seconds.push_back(median(now_seconds));
    peaks.push_back(ceiling.fma_gflops);
    reads.push_back(ceiling.read_gbytes_per_second);
    of_peak.push_back(giga_flop / seconds.back() / peaks.back());
    of_read.push_back(giga_bytes / seconds.back() / reads.back());
  }
  row.ms = 1e3 * median(seconds);
  row.gflops = giga_flop / median(seconds);
  row.gbytes = giga_bytes / median(seconds);
  row.peak = median(peaks);
  row.read = median(reads);
  row.of_peak = median(of_peak);
  row.of_read = median(of_read);
  state.counters["GFLOP/s"] = row.gflops;
  state.counters["of_fma_%"] = 100 * row.of_peak;
  state.counters["GB/s"] = row.gbytes;
  state.counters["of_read_%"] = 100 * row.of_read;
  rows().push_back(row);
}

void add(Part part, int number, const Step* step, const char* name, const char* idea, int threads) {
  for (const Index T : sizes) {
    const Index only = step != nullptr ? step->T : 0;
    const bool wanted = only == T || (only == 0 && (T != 8 || (step == nullptr && threads == 1)));
    if (sizes == kUsual && !wanted) continue;
    const Row row{part, number, name, idea, T, threads};
    benchmark::RegisterBenchmark(
        fmt::format("{:02}/{}/T:{}/threads:{}", number, name, T, threads).c_str(),
        [=](benchmark::State& state) { measure(state, row, step); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(5);
  }
}

void register_all() {
  const int all = cpu::thread_count(0);
  int number = 0;
  for (const Step& step : steps())
    add(Part::ladder, ++number, &step, step.name, step.idea, step.threads ? all : 1);
  add(Part::ladder, ++number, nullptr, "shipped", "the shipped kernel, `cpu/expert.cpp`", 1);
  if (all > 1)
    add(Part::ladder, number, nullptr, "shipped", "the shipped kernel, `cpu/expert.cpp`", all);
  for (const Step& step : tried()) add(Part::tried, 0, &step, step.name, step.idea, step.threads ? all : 1);
}

// "1,2,8"
std::vector<Index> numbers(const std::string& text) {
  std::vector<Index> all;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');)
    all.push_back(std::clamp<Index>(std::stol(word), 1, kMost));
  return all;
}

}  // namespace
}  // namespace moe::ladder

int main(int argc, char** argv) {
  std::string table;
  std::vector<char*> rest;
  for (int i = 0; i < argc; i++) {
    if (std::strncmp(argv[i], "--table=", 8) == 0)
      table = argv[i] + 8;
    else if (std::strncmp(argv[i], "--rows=", 7) == 0)
      moe::ladder::sizes = moe::ladder::numbers(argv[i] + 7);
    else
      rest.push_back(argv[i]);
  }
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;
  moe::ladder::register_all();
  const std::size_t run = benchmark::RunSpecifiedBenchmarks();
  const bool complete = moe::ladder::rows().size() == run && run > 0;
  if (!table.empty() && complete) std::ofstream(table) << moe::ladder::tables();
  return complete ? 0 : 1;  // whatever differed, or was not found, has no number
}
