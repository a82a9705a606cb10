// Every engine of the benchmarks on a tiny shape: ours has the reference's bits, a peer is right.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "reference/numerics/bits.h"
#include "reference/sparse.h"
#include "reference/weight_format.h"
#include "tests/bench/engine.h"
#include "tests/bench/turns.h"

namespace moe::bench {
namespace {

const Shape kTiny = shape_named("t");

void expect_right(const EngineInfo& info, const SparseLayer& layer, Engine& engine) {
  for (const Spread spread : {Spread::uniform, Spread::skewed})
    for (const Index T : {1, 2, 7, 64})
      for (const int threads : {1, 2}) {
        const std::vector<Tokens> batches = make_batches(kTiny, layer, spread, T, 1);
        const Tokens& tokens = batches.front();
        engine.forget_tokens();
        const Matrix y = engine.output(tokens, threads);
        ASSERT_EQ(y.rows(), T);
        ASSERT_EQ(y.cols(), kTiny.D);
        EXPECT_LE(relative_error(kTiny, layer, tokens, y), info.ours ? 1e-4 : info.tolerance)
            << info.name << " T=" << T << " threads=" << threads;
        EXPECT_GE(engine.seconds(tokens, threads), 0);
        if (!info.ours) continue;
        const Matrix expected = reference::sparse(layer, tokens.x);
        EXPECT_TRUE(std::equal(y.data(), y.data() + y.size(), expected.data(),
                               [](float a, float b) { return numerics::same(a, b); }))
            << info.name << " T=" << T << " threads=" << threads;
      }
}

class BenchEngine : public testing::TestWithParam<std::string> {};

TEST_P(BenchEngine, IsRightOnATinyShape) {
  if (std::filesystem::exists(EXACTMOE_PEERS_PYTHON))
    setenv("EXACTMOE_BENCH_PYTHON", EXACTMOE_PEERS_PYTHON, 0);
  const EngineInfo& info = engine_named(GetParam());
  const SparseLayer layer = make_layer(kTiny);
  std::string missing;
  const std::unique_ptr<Engine> engine = make_engine(info, kTiny, layer, missing);
  if (!engine) GTEST_SKIP() << info.name << ": " << missing;
  expect_right(info, layer, *engine);
  if (!info.ours) {
    EXPECT_NE(engine_version(info.name), "");
  }
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const EngineInfo& info : engines()) all.push_back(info.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, BenchEngine, testing::ValuesIn(names()), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(BenchWorkload, EveryFormatHoldsTheWeights) {
  for (const Ffn& ffn : make_layer(kTiny).experts.ffn)
    for (const WeightFormat format : {WeightFormat::bf16, WeightFormat::f16})
      EXPECT_TRUE(holds(format, ffn));
}

TEST(BenchWorkload, ExpertsHaveTheirOwnWeights) {
  const SparseLayer layer = make_layer(kTiny);
  EXPECT_NE(layer.experts.ffn[0].gate, layer.experts.ffn[0].up);
  EXPECT_NE(layer.experts.ffn[0].gate, layer.experts.ffn[1].gate);
  EXPECT_LT(std::abs(layer.experts.ffn[3].down.mean()), 1e-3F);
}

TEST(BenchWorkload, SkewedTokensCrowdOneExpert) {
  const SparseLayer layer = make_layer(kTiny);
  const auto largest = [&](Spread spread) {
    const std::vector<Tokens> batches = make_batches(kTiny, layer, spread, 256, 1);
    std::vector<Index> rows(static_cast<std::size_t>(kTiny.E));
    for (const std::int32_t e : batches[0].routing.selected.reshaped())
      rows[static_cast<std::size_t>(e)]++;
    return *std::max_element(rows.begin(), rows.end());
  };
  EXPECT_LT(largest(Spread::uniform), 256 * kTiny.K * 2 / kTiny.E);
  EXPECT_GT(largest(Spread::skewed), largest(Spread::uniform) * 5 / 4);
}

TEST(BenchWorkload, AWrongOutputIsSeen) {
  const SparseLayer layer = make_layer(kTiny);
  const std::vector<Tokens> batches = make_batches(kTiny, layer, Spread::uniform, 4, 1);
  Matrix y = reference::sparse(layer, batches[0].x);
  EXPECT_LT(relative_error(kTiny, layer, batches[0], y), 1e-5);
  y(3, 5) += 0.01F * y.cwiseAbs().maxCoeff();
  EXPECT_GT(relative_error(kTiny, layer, batches[0], y), 1e-3);
  y(0, 0) = NAN;
  EXPECT_FALSE(relative_error(kTiny, layer, batches[0], y) <= 1);
}

TEST(BenchTurns, EveryoneGetsEnough) {
  std::vector<Contestant> contestants;
  std::string order;
  for (const char* name : {"A", "B"})
    contestants.push_back({name, false, [&order, name](int) {
                             order += name;
                             return 0.001;
                           }});
  const check::Ceiling ceiling = take_turns(contestants, 1, {0.005, 8, 2});
  EXPECT_EQ(contestants[0].seconds.size(), 8U);
  EXPECT_EQ(contestants[1].seconds.size(), 8U);
  EXPECT_EQ(order, "AABBBBAAAABBBBAA");  // who begins changes
  EXPECT_GT(ceiling.fma_gflops, 0);
  EXPECT_GT(ceiling.read_gbytes_per_second, 0);
}

}  // namespace
}  // namespace moe::bench
