// exactmoe_bench: the speed of the cpu tier, beside the machine's ceiling and the libraries that
// users might pick instead. `./run bench` builds and runs it; `--help` lists what can be chosen.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <set>
#include <sstream>

#include "cpu/parallel.h"
#include "reference/error.h"
#include "tests/bench/cells.h"
#include "tests/bench/processor.h"
#include "tests/bench/reporter.h"

namespace moe::bench {
namespace {

constexpr const char* kUsage = R"(exactmoe_bench [options] [--benchmark_* options of Google Benchmark]
  --quick             one small shape, seconds
  --peers             every peer too
  --growth            how speed grows with T, threads and E, too
  --only=KIND         layer, variants (at equal active operations), router, packing or growth, and
                      nothing else
  --shapes=a,b,c,d    --tokens=1,16,256,2048    --threads=1,2    --routes=uniform,skew:1
  --engines=NAME,...  those only (ours-f32, ours-bf16, libxsmm-packed, ...)
  --instructions=AVX2 as if the processor had no others: ours, its ceiling, and the peers that can be told
)";

const std::set<std::string> kKinds{"layer", "variants", "router", "packing", "growth"};

struct Options {
  std::vector<std::string> shapes{"a", "b", "c", "d"}, routes, engines;
  std::vector<Index> tokens{1, 16, 256, 2048}, threads;
  std::string only;          ///< one of kKinds, or empty: all
  std::string instructions;  ///< a set to be restricted to, or empty
  bool quick = false, peers = false, growth = false;
};

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> list;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) list.push_back(word);
  return list;
}

std::vector<Index> numbers(const std::string& option, const std::string& text) {
  std::vector<Index> list;
  for (const std::string& word : words(text)) {
    if (word.empty() || word.size() > 6 || word.find_first_not_of("0123456789") != std::string::npos ||
        std::stoll(word) < 1)
      throw Error(fmt::format("{}: expected whole numbers from 1, found '{}'", option, word));
    list.push_back(std::stoll(word));
  }
  return list;
}

Options parse(int argc, char** argv) {
  Options o;
  bool narrowed = false;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    const std::string key = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    narrowed = narrowed || (equals != std::string::npos && key != "--only" && key != "--instructions");
    if (argument == "--quick") o.quick = true;
    else if (argument == "--peers") o.peers = true;
    else if (argument == "--growth") o.growth = true;
    else if (key == "--only") o.only = value;
    else if (key == "--instructions") o.instructions = value;
    else if (key == "--shapes") o.shapes = words(value);
    else if (key == "--routes") o.routes = words(value);
    else if (key == "--engines") o.engines = words(value);
    else if (key == "--tokens") o.tokens = numbers(key, value);
    else if (key == "--threads") o.threads = numbers(key, value);
    else throw Error(fmt::format("unknown option '{}'\n{}", argument, kUsage));
  }
  if (o.threads.empty()) {
    o.threads = {1, cpu::thread_count(0)};
    if (o.threads[1] == 1) o.threads.pop_back();
  }
  if (o.only.empty() && narrowed) o.only = "layer";
  if (o.only == "growth") o.growth = true;
  if (!o.only.empty() && !kKinds.contains(o.only))
    throw Error(fmt::format("--only: expected one of {}, found '{}'", fmt::join(kKinds, ", "), o.only));
  if (o.quick && !narrowed) {
    o.shapes = {"d"};
    o.tokens = {1, 256};
  }
  return o;
}

Plan make_plan(const Options& o) {
  Plan plan{{}, o.quick};
  for (const std::string& name : o.engines) plan.engines.push_back(engine_named(name).name);
  if (!plan.engines.empty()) return plan;
  for (const EngineInfo& info : engines())
    if (info.ours || (o.peers && (o.instructions.empty() || info.obeys))) plan.engines.push_back(info.name);
  return plan;
}

void add_layers(const Options& o, const Plan& plan, std::vector<Cell>& cells) {
  const auto wanted = [&](Spread spread, Index T) {
    if (!o.routes.empty())
      return std::find(o.routes.begin(), o.routes.end(), name(spread)) != o.routes.end();
    return spread == Spread::uniform || T == 256;
  };
  for (const std::string& shape : o.shapes)
    for (const Index threads : o.threads)
      for (const Spread spread : {Spread::uniform, Spread::skewed})
        for (const Index T : o.tokens)
          if (wanted(spread, T))
            cells.push_back(layer_cell(plan, "layer", shape_named(shape), spread, T,
                                       static_cast<int>(threads)));
}

std::vector<Cell> choose(const Options& o) {
  const Plan plan = make_plan(o);
  const auto wanted = [&](const char* kind) { return o.only.empty() || o.only == kind; };
  const auto add = [](std::vector<Cell>& to, std::vector<Cell> cells) {
    for (Cell& cell : cells) to.push_back(std::move(cell));
  };
  std::vector<Cell> cells;
  if (wanted("layer")) add_layers(o, plan, cells);
  if (wanted("variants")) add(cells, variant_cells(plan, static_cast<int>(o.threads.back())));
  if (wanted("router")) add(cells, router_cells(plan, static_cast<int>(o.threads.back())));
  if (wanted("packing")) add(cells, packing_cells(o.shapes, static_cast<int>(o.threads.back())));
  // Peers have no part in these.
  Plan ours = plan;
  std::erase_if(ours.engines, [](const std::string& name) { return !engine_named(name).ours; });
  if (o.growth && wanted("growth")) add(cells, growth_cells(ours));
  return cells;
}

// Each row of a cell is a benchmark. The first that runs measures all of the cell, by turns; each
// reports the median call that was its own.
void add_benchmarks(const std::vector<Cell>& cells) {
  for (std::size_t c = 0; c < cells.size(); c++) {
    const auto rows = std::make_shared<std::vector<Row>>();
    for (std::size_t i = 0; i < cells[c].engines.size(); i++)
      benchmark::RegisterBenchmark(
          (cells[c].name + "/engine:" + cells[c].engines[i]).c_str(),
          [&cells, c, rows, i](benchmark::State& state) {
            const Cell& cell = cells[c];
            if (rows->empty()) {
              fmt::print(stderr, "  {}/{} {}\n", c + 1, cells.size(), cell.name);
              *rows = cell.measure();
            }
            const Row& row = rows->at(i);
            if (!row.problem.empty()) state.SkipWithError(row.problem.c_str());
            for (auto _ : state) state.SetIterationTime(row.seconds);
            for (const auto& [name, value] : row.counters) state.counters[name] = value;
            state.SetLabel(row.version);
          })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond)
          ->Iterations(1);
  }
}

int run(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") {
    std::cout << kUsage;
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  const Options options = parse(argc, argv);
  if (!options.instructions.empty()) restrict_to(options.instructions, options.peers);
  const std::vector<Cell> cells = choose(options);
  if (!come_first())
    fmt::print(stderr, "  not root: others may disturb the times of several threads\n");
  benchmark::AddCustomContext("processor", processor());
  benchmark::AddCustomContext("restricted_to", options.instructions);
  add_benchmarks(cells);
  TableReporter table;
  benchmark::RunSpecifiedBenchmarks(&table);
  return 0;
}

}  // namespace
}  // namespace moe::bench

int main(int argc, char** argv) {
  try {
    return moe::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "exactmoe_bench: {}\n", error.what());
    return 2;
  }
}
