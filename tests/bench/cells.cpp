#include "tests/bench/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "check/timing.h"
#include "cpu/parallel.h"
#include "reference/numerics/bits.h"
#include "reference/sparse.h"

namespace moe::bench {
namespace {

// A layer and whoever computes it. One at a time: the largest has 2.4 GB of weights, and each
// engine may have its own copy.
class Subject {
 public:
  explicit Subject(const Shape& shape) : shape_(shape), layer_(make_layer(shape)) {}

  const SparseLayer& layer() const { return layer_; }

  // Null, and why, if it is not here.
  Engine* engine(const std::string& name, std::string& problem) {
    if (const auto it = missing_.find(name); it != missing_.end()) problem = it->second;
    if (const auto it = engines_.find(name); it != engines_.end()) return it->second.get();
    if (!problem.empty()) return nullptr;
    const EngineInfo& info = engine_named(name);
    const double needed = 1e9 + info.bytes_per_weight * weights();
    if (needed > available_memory()) {
      problem = fmt::format("needs {:.1f} GB of memory, {:.1f} are free", needed / 1e9,
                            available_memory() / 1e9);
    } else {
      std::unique_ptr<Engine> made = make_engine(info, shape_, layer_, problem);
      if (made) return (engines_[name] = std::move(made)).get();
    }
    missing_[name] = problem;
    return nullptr;
  }

  const std::vector<Tokens>& batches(Spread spread, Index T) {
    if (batches_.empty() || spread != spread_ || batches_.front().x.rows() != T) {
      for (auto& [name, engine] : engines_) engine->forget_tokens();
      batches_ = make_batches(shape_, layer_, spread, T, T <= 16 ? 16 : 1);
      spread_ = spread;
    }
    return batches_;
  }

  const Shape& shape() const { return shape_; }

 private:
  double weights() const { return 3 * static_cast<double>(shape_.D * shape_.F * shape_.E); }

  static double available_memory() {
    std::ifstream in("/proc/meminfo");
    for (std::string key, unit; in >> key;) {
      double kib = 0;
      in >> kib >> unit;
      if (key == "MemAvailable:") return 1024 * kib;
    }
    return 1e18;
  }

  Shape shape_;
  SparseLayer layer_;
  std::map<std::string, std::unique_ptr<Engine>> engines_;
  std::map<std::string, std::string> missing_;
  std::vector<Tokens> batches_;
  Spread spread_ = Spread::uniform;
};

Subject& subject(const Shape& shape) {
  static std::unique_ptr<Subject> current;
  if (!current || current->shape().name != shape.name) {
    fmt::print(stderr, "  {}: drawing {:.1f} GB of weights\n", shape.name,
               12e-9 * static_cast<double>(shape.D * shape.F * shape.E));
    current.reset();
    current = std::make_unique<Subject>(shape);
  }
  return *current;
}

// Some tokens of a batch: a token's result does not depend on the others.
std::vector<Index> probed(Index T) {
  const std::set<Index> rows{0, T / 2, T - 1};
  return {rows.begin(), rows.end()};
}

bool has_reference_bits(const SparseLayer& layer, const Tokens& tokens, const Matrix& y) {
  const std::vector<Index> rows = probed(tokens.x.rows());
  const Matrix x = tokens.x(rows, Eigen::all), found = y(rows, Eigen::all);
  const Matrix expected = reference::sparse(layer, x);
  return y.rows() == tokens.x.rows() && found.size() > 0 &&
         std::equal(found.data(), found.data() + found.size(), expected.data(), numerics::same);
}

// Whether the engine computes the layer at all; fills the row's error.
void judge(Row& row, const EngineInfo& info, Engine& engine, Subject& s, const Tokens& tokens,
           int threads) {
  const Matrix y = engine.output(tokens, threads);
  if (info.ours && !has_reference_bits(s.layer(), tokens, y))
    row.problem = "differs from the reference's bits";
  const double error = relative_error(s.shape(), s.layer(), tokens, y);
  row.counters["error"] = error;
  if (!info.ours && !(error <= info.tolerance))
    row.problem = fmt::format("wrong: relative error {:.1e}", error);
}

Effort effort_for(Index T, bool quick) {
  if (T <= 16) return {quick ? 0.1 : 0.5, 16, 8};
  if (T <= 512) return {quick ? 0.2 : 1.0, 3, 1};
  return {quick ? 0.5 : 2.0, 4, 1};
}

// How many times as fast as the fastest peer; 16-bit weights are compared with 16-bit peers too.
void compare_with_peers(std::vector<Row>& rows) {
  for (const double width : {4.0, 2.0}) {
    double best = 0;
    for (const Row& row : rows)
      if (row.seconds > 0 && !engine_named(row.engine).ours &&
          engine_named(row.engine).bytes_per_weight == width)
        best = std::max(best, 1 / row.seconds);
    if (best == 0) continue;
    for (Row& row : rows)
      if (row.seconds > 0)
        row.counters[width == 4 ? "to_best_f32_peer" : "to_best_16bit_peer"] =
            1 / row.seconds / best;
  }
}

std::vector<Row> measure_layer(const Plan& plan, const Shape& shape, Spread spread, Index T,
                               int threads) {
  Subject& s = subject(shape);
  std::vector<Row> rows;
  std::vector<Contestant> contestants;
  std::vector<std::size_t> row_of;
  for (const std::string& name : plan.engines) {
    Row row{name, "", "", 0};
    Engine* engine = s.engine(name, row.problem);
    const std::vector<Tokens>& batches = s.batches(spread, T);
    if (engine != nullptr) {
      row.version = engine_version(name);
      try {
        judge(row, engine_named(name), *engine, s, batches.front(), threads);
      } catch (const std::exception& error) {
        row.problem = error.what();
      }
    }
    if (row.problem.empty()) {
      contestants.push_back({name, engine_named(name).spins, [&batches, engine, threads](int turn) {
                               const auto b = static_cast<std::size_t>(turn) % batches.size();
                               return engine->seconds(batches[b], threads);
                             }});
      row_of.push_back(rows.size());
    }
    rows.push_back(std::move(row));
  }
  const check::Ceiling ceiling = take_turns(contestants, threads, effort_for(T, plan.quick));
  const std::vector<Tokens>& batches = s.batches(spread, T);
  for (std::size_t i = 0; i < contestants.size(); i++) {
    double bytes = 0;
    for (const Tokens& tokens : batches)
      bytes += touched_bytes(shape, tokens, engine_named(contestants[i].name).bytes_per_weight);
    add_speed(rows[row_of[i]], contestants[i], T, flops(shape, T),
              bytes / static_cast<double>(batches.size()), ceiling);
  }
  compare_with_peers(rows);
  return rows;
}

}  // namespace

void add_speed(Row& row, const Contestant& times, Index T, double flops, double bytes,
               const check::Ceiling& ceiling) {
  row.seconds = check::median(times.seconds);
  const double gflops = flops / row.seconds * 1e-9, gbytes = bytes / row.seconds * 1e-9;
  const double fma = gflops / ceiling.fma_gflops, read = gbytes / ceiling.read_gbytes_per_second;
  const double possible =
      std::max(flops * 1e-9 / ceiling.fma_gflops, bytes * 1e-9 / ceiling.read_gbytes_per_second);
  row.counters.insert({{"calls", static_cast<double>(times.seconds.size())},
                       {"best_ms", 1e3 * *std::min_element(times.seconds.begin(), times.seconds.end())},
                       {"tokens_per_second", static_cast<double>(T) / row.seconds},
                       {"gflops", gflops},
                       {"weight_gbytes_per_second", gbytes},
                       {"ceiling_fma_gflops", ceiling.fma_gflops},
                       {"ceiling_read_gbytes_per_second", ceiling.read_gbytes_per_second},
                       {"share_of_fma", fma},
                       {"share_of_read", read},
                       {"share_of_ceiling", std::max(fma, read)},
                       {"model_tokens_per_second", static_cast<double>(T) / possible}});
}

Cell layer_cell(const Plan& plan, const std::string& group, const Shape& shape, Spread spread,
                Index T, int threads) {
  return {fmt::format("{}/shape:{}/route:{}/T:{}/threads:{}", group, shape.name, name(spread), T,
                      threads),
          plan.engines, [=] { return measure_layer(plan, shape, spread, T, threads); }};
}

std::vector<Cell> growth_cells(const Plan& plan) {
  const Shape base = shape_named("d");
  const int all = cpu::thread_count(0);
  std::vector<Cell> cells;
  for (Index T = 1; T <= (plan.quick ? 64 : 4096); T *= plan.quick ? 8 : 2)
    cells.push_back(layer_cell(plan, "growth_T", base, Spread::uniform, T, all));
  for (int threads = 1; threads <= all; threads++)
    for (const Index T : {1, 256})
      cells.push_back(layer_cell(plan, "growth_threads", base, Spread::uniform, T, threads));
  // From 8 experts on, what a token touches is not still in a cache from the token before.
  for (Index E = 8; E <= (plan.quick ? 16 : 256); E *= 2)
    for (const Index T : {1, 64})
      cells.push_back(layer_cell(plan, "growth_E", {fmt::format("E{}", E), 1024, 704, E, 2},
                                 Spread::uniform, T, all));
  return cells;
}

}  // namespace moe::bench
