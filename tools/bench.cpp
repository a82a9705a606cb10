// moe bench: the speed of one tier on one SwiGLU top-k layer, beside what the machine could do.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <unistd.h>

#include "check/case.h"
#include "check/ceiling.h"
#include "check/timing.h"
#include "reference/error.h"
#include "reference/io/pending_file.h"
#include "reference/router.h"
#include "reference/weight_format.h"
#include "tools/commands.h"
#include "tools/report.h"

namespace moe::tools {
namespace {

struct Request {
  std::string shape, route = "uniform", report;
  Options options;
};

// D, F, E, K and T, each once.
std::map<std::string, Index> parse_shape(const std::string& text) {
  std::map<std::string, Index> shape;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) {
    const std::string key = word.substr(0, 1);
    Index n = 0;
    const auto [end, failed] = std::from_chars(word.data() + std::min<std::size_t>(2, word.size()), word.data() + word.size(), n);
    const bool known = !key.empty() && std::string("DFEKT").find(key) != std::string::npos;
    if (!known || word.size() < 3 || word[1] != '=' || failed != std::errc() || end != word.data() + word.size() || n < 1 || shape.contains(key))
      throw Error(fmt::format("--shape: expected D=…,F=…,E=…,K=…,T=… with whole numbers from 1, each once, found '{}'", word));
    shape[key] = n;
  }
  for (const char* key : {"D", "F", "E", "K", "T"})
    if (!shape.contains(key)) throw Error(fmt::format("--shape: expected D=…,F=…,E=…,K=…,T=…, found '{}' without {}", text, key));
  return shape;
}

// The layers and batches that take turns, so that no weight is still in a cache when it is wanted again.
struct Load {
  std::vector<std::unique_ptr<check::Prepared>> copies;
  std::vector<Matrix> batches;
  std::vector<double> weight_bytes;  ///< read by each batch: the router and every expert that it touches
  double flops = 0;                  ///< of each batch
};

double cache_bytes() {
#ifdef _SC_LEVEL3_CACHE_SIZE
  const long size = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (size > 0) return static_cast<double>(size);
#endif
  return 64e6;
}

double memory_bytes() { return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)); }

Load make_load(const check::Tier& tier, const SparseLayer& layer, const check::Case& c, int threads, WeightFormat format) {
  constexpr Index kBatches = 7;
  Load load;
  const double E = static_cast<double>(c.E), D = static_cast<double>(c.D), expert = 3 * D * static_cast<double>(c.F);
  // Only the cpu tier keeps weights in 16 bits; the others compute from the same numbers in binary32.
  const double width = static_cast<double>(bytes(tier.name == "cpu" ? format : WeightFormat::f32));
  load.flops = 2 * static_cast<double>(c.T) * (E * D + static_cast<double>(c.K) * expert);
  check::Case all = c;
  all.T = c.T * kBatches;
  const Matrix tokens = check::make_tokens(all);
  for (Index b = 0; b < kBatches; b++) {
    load.batches.emplace_back(tokens.middleRows(b * c.T, c.T));
    const IntMatrix selected = reference::route(layer.router, load.batches.back(), nullptr).selected;
    const std::set<std::int32_t> touched(selected.data(), selected.data() + selected.size());
    load.weight_bytes.push_back(4 * E * D + width * static_cast<double>(touched.size()) * expert);
  }
  const double one = 4 * E * D + width * E * expert;
  const double fewest = *std::min_element(load.weight_bytes.begin(), load.weight_bytes.end());
  const double most_copies = std::max(1.0, memory_bytes() / 4 / one);
  const auto copies = static_cast<int>(std::clamp(std::ceil(2 * cache_bytes() / fewest), 1.0, std::min(most_copies, 256.0)));
  for (int i = 0; i < copies; i++) load.copies.push_back(tier.prepare(layer, threads, format));
  return load;
}

// A tier whose bits are wrong gets no number. A token's result does not depend on its batch, so a few of the batch will do.
check::Comparison compare_with_reference(const Load& load, const SparseLayer& layer) {
  const Matrix& x = load.batches.front();
  const Index rows = std::min<Index>(x.rows(), 16);
  Recording expected, found;
  record(&expected, "output", check::tiers().front().prepare(layer, 1)->run(x.topRows(rows), nullptr));
  record(&found, "output", Matrix(load.copies.front()->run(x, nullptr).topRows(rows)));
  return check::compare(expected, found);
}

struct Times {
  double median = 0, min = 0, weight_bytes = 0;
  int runs = 0;
  check::Ceiling ceiling{};
};

// The ceiling is measured between the runs, so that both see the same clocks and neighbours.
Times measure(const Load& load, int threads, bool on_processor) {
  constexpr double kBudget = 2;
  constexpr std::size_t kFewest = 5, kMost = 2000, kTogether = 16;
  constexpr int kWall = 2;  // the clock of several threads: what a GPU does is not the processor's time
  Times t;
  check::CeilingProbe probe(threads);
  std::vector<double> seconds, gflops, gbytes;
  double spent = 0;
  for (std::size_t i = 0; i < kMost && (spent < kBudget || i < kFewest); i++) {
    if (i < kFewest || i % kTogether == 0) {
      const check::Ceiling now = probe.sample();
      gflops.push_back(now.fma_gflops);
      gbytes.push_back(now.read_gbytes_per_second);
    }
    const std::size_t b = i % load.batches.size();
    Matrix y;
    seconds.push_back(check::seconds_of(on_processor ? threads : kWall,
                                        [&] { y = load.copies[i % load.copies.size()]->run(load.batches[b], nullptr); }));
    spent += seconds.back();
    t.weight_bytes += load.weight_bytes[b];
  }
  t.runs = static_cast<int>(seconds.size());
  t.weight_bytes /= t.runs;
  t.min = *std::min_element(seconds.begin(), seconds.end());
  t.median = check::median(seconds);
  t.ceiling = {check::median(gflops), check::median(gbytes)};
  return t;
}

void show(const Json& j) {
  const auto number = [&](const char* key) { return j[key].get<double>(); };
  const Json& s = j["shape"];
  print(fmt::format("{}  D {}, F {}, E {}, K {}, T {}, {} routing, {} threads, {} weights\n", paint(Ink::title, j["tier"].get<std::string>()), s["D"].dump(),
                    s["F"].dump(), s["E"].dump(), s["K"].dump(), s["T"].dump(), j["route"].get<std::string>(), j["threads"].dump(), j["weights"].get<std::string>()));
  const double share = number("share_of_ceiling");
  Table table({"", "", ""});
  table.add({"median", fmt::format("{:.3f} ms", 1e3 * j["seconds"]["median"].get<double>()),
             fmt::format("best {:.3f} ms of {} runs", 1e3 * j["seconds"]["min"].get<double>(), j["runs"].dump())});
  table.add({"speed", brief(number("tokens_per_second")) + " tok/s", ""});
  table.add({"arithmetic", fmt::format("{:.1f} GFLOP/s", number("gflops")), fmt::format("this machine: {:.1f}", j["ceiling"]["fma_gflops"].get<double>())});
  table.add({"weights", fmt::format("{:.1f} GB/s", number("weight_gbytes_per_second")),
             fmt::format("this machine: {:.1f}", j["ceiling"]["read_gbytes_per_second"].get<double>())});
  const std::string text = table.text();
  print(text.substr(text.find('\n') + 1));
  const int filled = static_cast<int>(std::lround(40 * std::clamp(share, 0.0, 1.0)));
  print(fmt::format("  {}{}  {:.0f} % of the ceiling\n\n", paint(Ink::bar, repeat("█", filled)), paint(Ink::dim, repeat("░", 40 - filled)), 100 * share));
}

int run(const Request& request) {
  const Options& options = request.options;
  auto shape = parse_shape(request.shape);
  const Selection selection = select(options.tiers.empty() ? "cpu" : options.tiers);
  if (selection.tiers.size() != 1) throw Error(fmt::format("--tier: expected one tier, found '{}'", options.tiers));
  const check::Tier& tier = *selection.tiers.front();
  if (!request.route.starts_with("skew:") && request.route != "uniform")
    throw Error(fmt::format("--route: expected uniform or skew:Z, found '{}'", request.route));
  const std::string line = fmt::format("preset=mixtral T={} D={} F={} E={} K={} route={}", shape["T"], shape["D"], shape["F"], shape["E"],
                                       shape["K"], request.route);
  const check::Case c = check::parse_case(line);
  const double needed = 8.0 * 3 * static_cast<double>(c.D) * static_cast<double>(c.F) * static_cast<double>(c.E);
  if (needed > 0.8 * memory_bytes())
    throw Error(fmt::format("--shape: expected a layer that fits twice into {:.1f} GB of memory, found {:.1f} GB of weights", memory_bytes() / 1e9, needed / 2e9));
  SparseLayer layer = check::make_sparse_layer(c);
  const WeightFormat format = weight_format(options.weights).value_or(WeightFormat::f32);
  for (Ffn& ffn : layer.experts.ffn) round_weights(format, ffn);
  const int threads = options.threads > 0 ? options.threads : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  const Load load = make_load(tier, layer, c, threads, format);
  if (const auto comparison = compare_with_reference(load, layer); !comparison.equal()) {
    note(fmt::format("{} does not have the reference's bits, so it gets no number\n{}", tier.name,
                     check::report(comparison, "reference", tier.name, "moe case " + quoted(line))));
    return kDifferent;
  }
  const Times t = measure(load, threads, tier.name != "cuda");
  const double gflops = load.flops / t.median / 1e9, gbytes = t.weight_bytes / t.median / 1e9;
  Json json{{"tier", tier.name}, {"shape", Json::object()}, {"route", request.route}, {"threads", threads}, {"weights", options.weights}};
  for (const char* key : {"D", "F", "E", "K", "T"}) json["shape"][key] = shape[key];
  json["seconds"] = {{"median", t.median}, {"min", t.min}};
  json["runs"] = t.runs;
  json["tokens_per_second"] = static_cast<double>(c.T) / t.median;
  json["gflops"] = gflops;
  json["weight_gbytes_per_second"] = gbytes;
  json["ceiling"] = {{"fma_gflops", t.ceiling.fma_gflops}, {"read_gbytes_per_second", t.ceiling.read_gbytes_per_second}};
  json["share_of_ceiling"] = std::max(gflops / t.ceiling.fma_gflops, gbytes / t.ceiling.read_gbytes_per_second);
  if (!request.report.empty()) io::write_file(request.report, json.dump(1) + "\n");
  if (options.json) print_json(json);
  else show(json);
  return kFine;
}

}  // namespace

Command bench_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("--shape", request->shape, "D=…,F=…,E=…,K=…,T=…")->required();
  app.add_option("--route", request->route, "uniform, or skew:Z for a Zipf exponent (default: uniform)");
  app.add_option("--report", request->report, "write the JSON object to this file as well");
  add_options(app, request->options, false);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
