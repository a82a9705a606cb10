#include "tests/bench/workload.h"

#include <fmt/format.h>

#include <sys/mman.h>

#include <cmath>
#include <limits>
#include <set>

#include "check/case.h"
#include "cpu/parallel.h"
#include "cpu/router.h"
#include "reference/error.h"
#include "tests/bench/weights.h"

namespace moe::bench {
namespace {

// A case with the shape's router; its experts are too small to cost anything.
check::Case router_case(const Shape& s, Index T) {
  return check::parse_case(fmt::format("preset=mixtral T={} D={} F=1 E={} K={} route=skew:1", T, s.D,
                                       s.E, s.K));
}

// As a loader of large models would, and as the packed weights have them.
void ask_for_huge_pages(Matrix& m) {
  constexpr std::uintptr_t kPage = 4096;
  const auto begin = reinterpret_cast<std::uintptr_t>(m.data());
  const std::uintptr_t end = begin + sizeof(float) * static_cast<std::size_t>(m.size());
  const std::uintptr_t first = (begin + kPage - 1) / kPage * kPage;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

void fill(Matrix& m, Index rows, Index cols, std::uint32_t matrix) {
  m.resize(rows, cols);
  ask_for_huge_pages(m);
  cpu::parallel_for(cpu::thread_count(0), rows, [&](Index r, int) {
    for (Index c = 0; c < cols; c++)
      m(r, c) = draw(matrix, static_cast<std::uint32_t>(r * cols + c));
  });
}

// One token in binary64.
std::vector<double> exact_output(const Shape& s, const SparseLayer& layer, const Tokens& tokens,
                                 Index t) {
  std::vector<double> y(static_cast<std::size_t>(s.D));
  const Eigen::VectorXd x = tokens.x.row(t).cast<double>();
  for (Index k = 0; k < s.K; k++) {
    const auto e = static_cast<std::size_t>(tokens.routing.selected(t, k));
    const Ffn& ffn = layer.experts.ffn[e];
    Eigen::VectorXd hidden(s.F);
    for (Index f = 0; f < s.F; f++) {
      const double gate = ffn.gate.row(f).cast<double>().dot(x);
      hidden(f) = gate / (1 + std::exp(-gate)) * ffn.up.row(f).cast<double>().dot(x);
    }
    for (Index d = 0; d < s.D; d++)
      y[static_cast<std::size_t>(d)] += static_cast<double>(tokens.routing.weights(t, k)) *
                                        ffn.down.row(d).cast<double>().dot(hidden);
  }
  return y;
}

}  // namespace

Shape shape_named(const std::string& name) {
  if (name == "a") return {name, 2048, 1024, 64, 8};
  if (name == "b") return {name, 2048, 768, 128, 8};
  if (name == "c") return {name, 4096, 1792, 8, 2};
  if (name == "d") return {name, 1024, 2816, 8, 2};
  if (name == "t") return {name, 64, 96, 8, 2};
  throw Error(fmt::format("shape: expected a, b, c, d or t, found '{}'", name));
}

const char* name(Spread spread) { return spread == Spread::uniform ? "uniform" : "skew:1"; }

SparseLayer make_layer(const Shape& s) {
  SparseLayer layer = check::make_sparse_layer(router_case(s, 1));
  layer.experts.ffn.assign(static_cast<std::size_t>(s.E), {});
  for (Index e = 0; e < s.E; e++) {
    Ffn& ffn = layer.experts.ffn[static_cast<std::size_t>(e)];
    const auto first = static_cast<std::uint32_t>(3 * e);
    fill(ffn.gate, s.F, s.D, first);
    fill(ffn.up, s.F, s.D, first + 1);
    fill(ffn.down, s.D, s.F, first + 2);
  }
  return layer;
}

PlainLayer plain(const Shape& s, const SparseLayer& layer) {
  PlainLayer p{s.D, s.F, s.E, s.K, {}, {}, {}};
  for (const Ffn& ffn : layer.experts.ffn) {
    p.gate.push_back(ffn.gate.data());
    p.up.push_back(ffn.up.data());
    p.down.push_back(ffn.down.data());
  }
  return p;
}

std::vector<Tokens> make_batches(const Shape& s, const SparseLayer& layer, Spread spread, Index T,
                                 int count) {
  Matrix all = check::make_tokens(router_case(s, T * count));
  // The first column is the constant that the router's preference multiplies.
  if (spread == Spread::uniform) all.col(0).setZero();
  const cpu::PreparedRouter router = cpu::prepare(layer.router);
  std::vector<Tokens> batches;
  for (int i = 0; i < count; i++) {
    Tokens tokens{all.middleRows(i * T, T), {}, 0};
    tokens.routing = cpu::route(router, tokens.x, nullptr);
    const IntMatrix& chosen = tokens.routing.selected;
    tokens.touched = static_cast<Index>(
        std::set<std::int32_t>(chosen.data(), chosen.data() + chosen.size()).size());
    batches.push_back(std::move(tokens));
  }
  return batches;
}

RoutedTokens routed(const Tokens& tokens) {
  return {tokens.x.rows(), tokens.x.data(), tokens.routing.selected.data(),
          tokens.routing.weights.data()};
}

double flops(const Shape& s, Index T) { return 6.0 * static_cast<double>(s.D * s.F * s.K * T); }

double touched_bytes(const Shape& s, const Tokens& tokens, double bytes_per_weight) {
  return 3 * bytes_per_weight * static_cast<double>(s.D * s.F * tokens.touched);
}

double relative_error(const Shape& s, const SparseLayer& layer, const Tokens& tokens,
                      const Matrix& y) {
  double error = 0, largest = 0;
  for (const Index t : {Index{0}, tokens.x.rows() - 1}) {
    const std::vector<double> expected = exact_output(s, layer, tokens, t);
    for (Index d = 0; d < s.D; d++) {
      const double want = expected[static_cast<std::size_t>(d)];
      const double off = std::abs(want - static_cast<double>(y(t, d)));
      if (!std::isfinite(off)) return std::numeric_limits<double>::quiet_NaN();
      error = std::max(error, off);
      largest = std::max(largest, std::abs(want));
    }
  }
  return error / largest;
}

}  // namespace moe::bench
