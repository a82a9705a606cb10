// Every variant on the same experts' operations: a token costs K networks of F hidden values,
// however it came to them.
#include <fmt/format.h>

#include <algorithm>

#include "check/case.h"
#include "check/tier.h"
#include "check/timing.h"
#include "reference/numerics/bits.h"
#include "tests/bench/cells.h"

namespace moe::bench {
namespace {

constexpr Index kD = 1024, kF = 704, kK = 4;

struct Variant {
  std::string name, line;  // of the case, without T
};

// E experts of F; dense has K of them and visits all, soft mixes groups of 64 tokens into 64 K
// slots, expert choice and capacity have T K / E places an expert (and so capacity drops some).
std::vector<Variant> variants(Index T) {
  const std::string sizes = fmt::format("T={} D={} F={}", T, kD, kF);
  const Index E = 32, places = T * kK / E;
  return {
      {"sparse", fmt::format("variant=sparse preset=mixtral {} E={} K={}", sizes, E, kK)},
      {"dense", fmt::format("variant=dense preset=mixtral {} E={} K={}", sizes, kK, kK)},
      {"expert_choice",
       fmt::format("variant=expert_choice preset=mixtral {} E={} K={} C={}", sizes, E, kK, places)},
      {"soft", fmt::format("variant=soft preset=mixtral {} E={} K={} batch={} S={}", sizes, E, kK,
                           std::min<Index>(T, 64), std::min<Index>(T, 64) * kK / E)},
      {"hierarchical",
       fmt::format("variant=hierarchical preset=mixtral {} E={} K=2 inner=4", sizes, E)},
      {"capacity",
       fmt::format("variant=sparse preset=mixtral {} E={} K={} C={}", sizes, E, kK, places)},
  };
}

std::vector<Row> measure_variants(Index T, int threads, bool quick) {
  const auto tiers = check::select_tiers("reference,cpu");
  struct Ready {
    std::unique_ptr<check::Prepared> layer;
    Matrix x, y;
  };
  std::vector<Row> rows;
  std::vector<Ready> ready;
  std::vector<Contestant> contestants;
  std::vector<std::size_t> row_of;
  for (const Variant& v : variants(T)) {
    const check::Case c = check::parse_case(v.line);
    const Layer layer = check::make_layer(c);
    Row row{v.name, "", "", 0};
    ready.push_back({tiers[1]->prepare(layer, threads), check::make_tokens(c), {}});
    const Matrix expected = tiers[0]->prepare(layer, 1)->run(ready.back().x, nullptr);
    const Matrix found = ready.back().layer->run(ready.back().x, nullptr);
    if (!(found.size() == expected.size() && found.size() > 0 &&
          std::equal(found.data(), found.data() + found.size(), expected.data(), numerics::same)))
      row.problem = "differs from the reference's bits";
    rows.push_back(row);
  }
  for (std::size_t i = 0; i < rows.size(); i++) {
    if (!rows[i].problem.empty()) continue;
    Ready& r = ready[i];
    contestants.push_back({rows[i].engine, false, [&r, threads](int) {
                             return check::seconds_of(
                                 threads, [&] { r.y = r.layer->run(r.x, nullptr); });
                           }});
    row_of.push_back(i);
  }
  const check::Ceiling ceiling = take_turns(contestants, threads, {quick ? 0.1 : 1.0, 5, 2});
  for (std::size_t i = 0; i < contestants.size(); i++) {
    const double expert = 3.0 * static_cast<double>(kD * kF);
    const bool all_of_few = contestants[i].name == "dense";
    add_speed(rows[row_of[i]], contestants[i], T, 2 * expert * static_cast<double>(kK * T),
              4 * expert * (all_of_few ? static_cast<double>(kK) : 32.0), ceiling);
  }
  return rows;
}

}  // namespace

std::vector<Cell> variant_cells(const Plan& plan, int threads) {
  const Index T = plan.quick ? 64 : 256;
  Cell cell{fmt::format("variants/D:{}/F:{}/active:{}/T:{}/threads:{}", kD, kF, kK, T, threads),
            {}, [=, quick = plan.quick] { return measure_variants(T, threads, quick); }};
  for (const Variant& v : variants(T)) cell.engines.push_back(v.name);
  return {cell};
}

}  // namespace moe::bench
