// Routers of many experts: their logits, and choosing among them.
#include <fmt/format.h>

#include <algorithm>

#include "check/case.h"
#include "check/timing.h"
#include "cpu/router.h"
#include "reference/numerics/bits.h"
#include "reference/presets.h"
#include "tests/bench/cells.h"

namespace moe::bench {
namespace {

struct Ready {
  Router router;
  cpu::PreparedRouter packed;
  Matrix x;  // [T,D]
};

Ready make_router(const Preset& model, Index T) {
  const check::Case c = check::parse_case(fmt::format("variant=sparse preset={} T={} D={} F=1 E={} K={}", model.name, T,
                                                      model.published.width, model.published.experts,
                                                      model.published.chosen));
  Router router = std::get<SparseLayer>(check::make_layer(c)).router;
  cpu::PreparedRouter packed = cpu::prepare(router);
  return {std::move(router), std::move(packed), check::make_tokens(c)};
}

// Some tokens of a batch: where one goes does not depend on the others.
bool routes_as_reference(const Ready& r, int threads) {
  const std::vector<Index> rows{0, r.x.rows() / 2, r.x.rows() - 1};
  const Routing expected = reference::route(r.router, r.x(rows, Eigen::all), nullptr);
  const Routing found = cpu::route(r.packed, r.x, nullptr, threads);
  const IntMatrix selected = found.selected(rows, Eigen::all);
  const Matrix weights = found.weights(rows, Eigen::all);
  return selected == expected.selected && weights.size() > 0 &&
         std::equal(weights.data(), weights.data() + weights.size(), expected.weights.data(), numerics::same);
}

std::vector<Row> measure_router(const Preset& model, Index T, int threads, bool quick) {
  const Ready ready = make_router(model, T);
  std::vector<Row> rows{{"logits", "", "", 0}, {"route", "", "", 0}};
  if (!routes_as_reference(ready, threads)) {
    for (Row& row : rows) row.problem = "differs from the reference's bits";
    return rows;
  }
  Matrix z;
  Routing routing;
  std::vector<Contestant> contestants{
      {"logits", false, [&](int) {
         return check::seconds_of(threads, [&] { z = cpu::linear(ready.x, ready.packed.linear, threads); });
       }},
      {"route", false, [&](int) {
         return check::seconds_of(threads, [&] { routing = cpu::route(ready.packed, ready.x, nullptr, threads); });
       }}};
  const check::Ceiling ceiling = take_turns(contestants, threads, {quick ? 0.05 : 0.3, 5, T <= 16 ? 50 : 2});
  const double weights = static_cast<double>(model.published.experts * model.published.width);
  for (std::size_t i = 0; i < rows.size(); i++)
    add_speed(rows[i], contestants[i], T, 2 * weights * static_cast<double>(T), 4 * weights, ceiling);
  return rows;
}

}  // namespace

std::vector<Cell> router_cells(const Plan& plan, int threads) {
  std::vector<Cell> cells;
  for (const char* name : {"qwen3_next", "deepseek_v3", "nemotron3_super"})
    for (const Index T : {1, 256, 2048}) {
      if (plan.quick && T > 1) continue;
      const Preset& model = preset(name);
      const LayerSizes& size = model.published;
      cells.push_back({fmt::format("router/preset:{}/D:{}/E:{}/K:{}/T:{}/threads:{}", name, size.width, size.experts, size.chosen, T, threads),
                       {"logits", "route"},
                       [&model, T, threads, quick = plan.quick] { return measure_router(model, T, threads, quick); }});
    }
  return cells;
}

}  // namespace moe::bench
