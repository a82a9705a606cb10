// What it costs to prepare a layer, once, and how much memory it then takes.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "check/timing.h"
#include "cpu/sparse.h"
#include "reference/numerics/bits.h"
#include "tests/bench/cells.h"

namespace moe::bench {
namespace {

// What is in use; freed memory that the allocator still holds is not.
double resident_bytes() {
  malloc_trim(0);
  std::ifstream in("/proc/self/statm");
  double all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

bool equal(const Matrix& a, const Matrix& b) {
  return a.size() == b.size() && std::equal(a.data(), a.data() + a.size(), b.data(), numerics::same);
}

bool unpacks_to_itself(const SparseLayer& layer, const cpu::PreparedSparse& packed) {
  for (const std::size_t e : {std::size_t{0}, layer.experts.ffn.size() - 1}) {
    const Ffn found = cpu::unpack(packed.experts.ffn[e]);
    const Ffn& expected = layer.experts.ffn[e];
    if (!equal(found.gate, expected.gate) || !equal(found.up, expected.up) || !equal(found.down, expected.down)) return false;
  }
  return true;
}

// Fills the row; leaves nothing in memory.
void measure_format(Row& row, const SparseLayer& layer, const std::vector<Tokens>& few, const std::vector<Tokens>& many,
                    WeightFormat format, double weights, int threads) {
  cpu::release_kept_lines();
  const double before = resident_bytes(), start = check::seconds_now(threads);
  const cpu::PreparedSparse packed = cpu::prepare(layer, format);
  row.seconds = check::seconds_now(threads) - start;
  const double in_format = weights * static_cast<double>(moe::bytes(format));
  const auto share_now = [&] { return (resident_bytes() - before) / in_format; };
  row.counters["weight_gigabytes"] = 1e-9 * in_format;
  row.counters["source_gbytes_per_second"] = 4e-9 * weights / row.seconds;
  row.counters["memory_prepared"] = share_now();
  if (!unpacks_to_itself(layer, packed)) row.problem = "does not unpack to the same bits";
  for (const auto& [name, tokens] : {std::pair{"memory_few_tokens", &few}, std::pair{"memory_many_tokens", &many}}) {
    cpu::sparse(packed, tokens->front().x, nullptr, threads);
    row.counters[name] = share_now();
  }
}

std::vector<Row> measure_packing(const Shape& shape, int threads) {
  const SparseLayer layer = make_layer(shape);
  const std::vector<Tokens> few = make_batches(shape, layer, Spread::uniform, 16, 1);
  const std::vector<Tokens> many = make_batches(shape, layer, Spread::uniform, 2048, 1);
  const double weights = 3 * static_cast<double>(shape.D * shape.F * shape.E);
  std::vector<Row> rows;
  for (const auto& [name, format] :
       {std::pair{"ours-f32", WeightFormat::f32}, std::pair{"ours-bf16", WeightFormat::bf16}, std::pair{"ours-f16", WeightFormat::f16}}) {
    rows.push_back({name, "", "", 0});
    measure_format(rows.back(), layer, few, many, format, weights, threads);
  }
  return rows;
}

}  // namespace

std::vector<Cell> packing_cells(const std::vector<std::string>& shapes, int threads) {
  std::vector<Cell> cells;
  for (const std::string& name : shapes)
    cells.push_back({fmt::format("packing/shape:{}/T:1/threads:{}", name, threads),
                     {"ours-f32", "ours-bf16", "ours-f16"},
                     [shape = shape_named(name), threads] { return measure_packing(shape, threads); }});
  return cells;
}

}  // namespace moe::bench
