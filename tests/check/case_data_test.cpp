// What a case says is what one gets: numbers, routes and families.
#include "check/case.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/numerics/fingerprint.h"
#include "reference/router.h"
#include "reference/sparse.h"
#include "tests/support/rows.h"

namespace moe::check {
namespace {

const char* const kFamilies[] = {"exact", "normal", "wild"};

// Tokens per expert, [E].
std::vector<Index> loads(const Case& c) {
  const SparseLayer layer = make_sparse_layer(c);
  const Routing routing = reference::route(layer.router, make_tokens(c), nullptr);
  std::vector<Index> load(std::size_t(c.E), 0);
  for (Index i = 0; i < routing.selected.size(); i++)
    load[std::size_t(routing.selected.data()[i])]++;
  return load;
}

TEST(CaseData, DependsOnTheElementOnly) {
  for (const char* family : kFamilies) {
    Case c = parse_case(std::string("preset=qwen2_moe T=9 D=6 F=5 E=8 K=2 seed=5 gen=") + family);
    const Matrix x = make_tokens(c);
    const SparseLayer layer = make_sparse_layer(c);
    c.T = 4;
    EXPECT_EQ(make_tokens(c), Matrix(x.topRows(4)));
    c.E = 3;
    const SparseLayer fewer = make_sparse_layer(c);
    EXPECT_EQ(fewer.experts.ffn[2].down, layer.experts.ffn[2].down);
    EXPECT_EQ(fewer.shared->ffn.up, layer.shared->ffn.up);
    c.seed = 6;
    EXPECT_NE(make_tokens(c), Matrix(x.topRows(4)));
    EXPECT_NE(make_sparse_layer(c).experts.ffn[2].down, layer.experts.ffn[2].down);
  }
}

// Recorded once: another machine, compiler or library must draw the same numbers.
TEST(CaseData, RecordedFingerprints) {
  std::uint64_t sum[3] = {};
  for (int family = 0; family < 3; family++)
    for (const char* name : {"mixtral", "qwen2_moe", "deepseek_v3", "gpt_oss", "llama4"}) {
      const Case c =
          parse_case(std::string("preset=") + name +
                     " T=33 D=17 F=9 E=8 K=2 seed=3 route=skew:1 gen=" + kFamilies[family]);
      const SparseLayer layer = make_sparse_layer(c);
      const auto add = [&](const Matrix& m) {
        sum[family] =
            numerics::mix(sum[family] + numerics::fingerprint(std::span(
                                            m.data(), static_cast<std::size_t>(m.size()))));
      };
      add(make_tokens(c));
      add(layer.router.weight);
      add(layer.router.bias);
      add(layer.router.selection_bias);
      for (const Ffn& ffn : layer.experts.ffn) {
        add(ffn.gate);
        add(ffn.up);
        add(ffn.down);
        add(ffn.down_bias);
      }
    }
  EXPECT_EQ(sum[0], 0xe0748b7bfa7fcf15u) << std::hex << sum[0];
  EXPECT_EQ(sum[1], 0x9e66b0b2330f06f0u) << std::hex << sum[1];
  EXPECT_EQ(sum[2], 0x482a23964dd71227u) << std::hex << sum[2];
}

// ---------------------------------------------------------------------------- routes

TEST(CaseRoute, OneGivesAllTokensTheSameExperts) {
  for (const Preset& row : test::ranked_rows())
    for (const char* family : kFamilies)
      for (const char* sizes : {"D=16 E=8 K=2", "D=1 E=8 K=3", "D=2 E=16 K=4", "D=33 E=5 K=5",
                                "D=127 E=32 K=6", "D=7 E=1 K=1"}) {
        const Case c = parse_case("preset=" + std::string(row.name) +
                                  " T=64 F=1 route=one gen=" + family + " seed=11 " + sizes);
        const std::vector<Index> load = loads(c);
        std::set<Index> full;
        for (Index e = 0; e < c.E; e++) {
          EXPECT_TRUE(load[std::size_t(e)] == 0 || load[std::size_t(e)] == c.T) << c.text();
          if (load[std::size_t(e)] == c.T) full.insert(e);
        }
        const std::vector<Index> order = by_preference(c);
        EXPECT_EQ(full, std::set<Index>(order.begin(), order.begin() + c.K)) << c.text();
      }
}

TEST(CaseRoute, EmptyLeavesTheAvoidedExpertsAlone) {
  for (const Preset& row : test::ranked_rows())
    for (const char* family : kFamilies)
      for (const char* sizes : {"D=16 E=8 K=2", "D=1 E=8 K=3", "D=2 E=16 K=8", "D=33 E=5 K=3",
                                "D=127 E=32 K=6", "D=8 E=8 K=6", "D=8 E=4 K=4"}) {
        const Case c = parse_case("preset=" + std::string(row.name) +
                                  " T=96 F=1 route=empty gen=" + family + " seed=12 " + sizes);
        const std::vector<Index> load = loads(c);
        const std::vector<bool> empty = avoided(c);
        Index count = 0;
        for (std::size_t e = 0; e < load.size(); e++) {
          EXPECT_TRUE(!empty[e] || load[e] == 0) << c.text() << " expert " << e;
          count += empty[e] ? 1 : 0;
        }
        EXPECT_TRUE(count > 0 || c.K == c.E) << c.text();
        const bool roomy = 2 * c.K <= c.E && group_limit(c).count == 1;
        EXPECT_TRUE(count == c.E / 2 || !roomy) << c.text();
      }
}

TEST(CaseRoute, UniformPrefersNobodyAndSkewFollowsZipf) {
  for (const Preset& row : test::ranked_rows())
    for (const char* family : {"exact", "normal"}) {
      const std::string sizes = " T=512 D=64 F=1 E=16 K=2 seed=13 gen=";
      Case c = parse_case("preset=" + std::string(row.name) + sizes + family);
      std::vector<Index> load = loads(c);
      const double mean = 512.0 * 2 / 16;
      for (const Index n : load) {
        EXPECT_LT(static_cast<double>(n), 2 * mean) << c.text();
        EXPECT_GT(static_cast<double>(n), 0.3 * mean) << c.text();
      }
      c.route = {Route::Kind::skew, 1.5};
      load = loads(c);
      const std::vector<Index> order = by_preference(c);
      const auto of_rank = [&](std::size_t r) { return double(load[std::size_t(order[r])]); };
      EXPECT_GT(of_rank(0), 3 * mean) << c.text();
      EXPECT_GT(of_rank(0), of_rank(3)) << c.text();
      EXPECT_LT(of_rank(12) + of_rank(13) + of_rank(14) + of_rank(15), mean) << c.text();
    }
}

// ---------------------------------------------------------------------------- families

// The chains run backwards.
Matrix reversed_linear(const Matrix& x, const Matrix& w, const Vector& bias) {
  Vector back;
  if (bias.size() != 0) back = bias;
  return reference::linear(Matrix(x.rowwise().reverse()), Matrix(w.rowwise().reverse()), back);
}

// Every sum of products of family exact is the same in any order: here backwards, and in binary64.
TEST(CaseFamily, ExactSumsHaveNoOrder) {
  Index values = 0, nonzero = 0;
  for (const Preset& row : test::plain_rows())
    for (const char* sizes :
         {"T=9 D=16 F=24 E=8 K=2", "T=5 D=127 F=127 E=4 K=2", "T=5 D=1 F=3 E=3 K=1",
          "T=3 D=300 F=70 E=4 K=1", "T=3 D=33 F=500 E=4 K=2"})
      for (const char* route : {"uniform", "skew:1.2", "one", "empty"}) {
        const Case c = parse_case("preset=" + std::string(row.name) + " gen=exact seed=21 " +
                                  sizes + " route=" + route);
        const SparseLayer layer = make_sparse_layer(c);
        const Matrix x = make_tokens(c);
        const Router& router = layer.router;
        const Matrix z = reference::linear(x, router.weight, router.bias);
        EXPECT_EQ(z, reversed_linear(x, router.weight, router.bias)) << c.text();
        Recording trace;
        reference::sparse(layer, x, &trace);
        const auto& selected = std::get<std::vector<std::int32_t>>(trace.find("selected")->values);
        const auto& positions =
            std::get<std::vector<std::int32_t>>(trace.find("positions")->values);
        const auto& rows = std::get<std::vector<float>>(trace.find("dispatched")->values);
        const auto& hidden = std::get<std::vector<float>>(trace.find("hidden")->values);
        const auto& out = std::get<std::vector<float>>(trace.find("expert_out")->values);
        for (std::size_t i = 0; i < selected.size(); i++) {
          const Ffn& ffn = layer.experts.ffn[std::size_t(selected[i])];
          const auto r = std::size_t(positions[i]);
          const Matrix own = Eigen::Map<const Matrix>(rows.data() + r * std::size_t(c.D), 1, c.D);
          const Matrix h = Eigen::Map<const Matrix>(hidden.data() + r * std::size_t(c.F), 1, c.F);
          const Matrix y = Eigen::Map<const Matrix>(out.data() + r * std::size_t(c.D), 1, c.D);
          if (row.activation.gated) {
            EXPECT_EQ(reference::linear(own, ffn.gate, ffn.gate_bias),
                      reversed_linear(own, ffn.gate, ffn.gate_bias))
                << c.text();
          }
          EXPECT_EQ(reference::linear(own, ffn.up, ffn.up_bias),
                    reversed_linear(own, ffn.up, ffn.up_bias))
              << c.text();
          EXPECT_EQ(y, reversed_linear(h, ffn.down, ffn.down_bias)) << c.text();
          for (Index f = 0; f < c.F; f++) {
            const float value =
                h(0, f) * 4;  // an integer, so nothing was rounded in the activation
            EXPECT_EQ(value, std::nearbyint(value)) << c.text();
          }
          values += y.size();
          nonzero += (y.array() != 0).count();
        }
      }
  EXPECT_GT(2 * nonzero, values);  // and not for being zero
}

TEST(CaseFamily, WildIsWildAndInformative) {
  for (const Preset& row : test::plain_rows()) {
    Index tokens = 0, finite_tokens = 0, finite_nonzero = 0, values = 0;
    bool subnormal = false, minus_zero = false, tie = false;
    for (int seed = 1; seed <= 8; seed++) {
      Case c = parse_case("preset=" + std::string(row.name) + " T=64 D=16 F=24 E=8 K=2 gen=wild");
      c.seed = std::uint64_t(seed);
      const SparseLayer layer = make_sparse_layer(c);
      const Matrix x = make_tokens(c);
      for (Index i = 0; i < x.size(); i++)
        subnormal = subnormal || std::fpclassify(x.data()[i]) == FP_SUBNORMAL;
      for (const Ffn& ffn : layer.experts.ffn)
        for (Index i = 0; i < ffn.up.size(); i++)
          minus_zero = minus_zero || (ffn.up.data()[i] == 0 && std::signbit(ffn.up.data()[i]));
      const Matrix z = reference::linear(x, layer.router.weight, layer.router.bias);
      for (Index e = 1; e < 8; e++) tie = tie || z(0, e) == z(0, e - 1);
      const Matrix y = reference::sparse(layer, x);
      for (Index t = 0; t < c.T; t++) {
        tokens++;
        finite_tokens += y.row(t).allFinite() ? 1 : 0;
        for (Index d = 0; d < c.D; d++) {
          values++;
          finite_nonzero += (std::isfinite(y(t, d)) && y(t, d) != 0) ? 1 : 0;
        }
      }
    }
    EXPECT_TRUE(subnormal && minus_zero && tie) << row.name;
    EXPECT_GT(10 * finite_tokens, 9 * tokens) << row.name;
    EXPECT_GT(10 * finite_nonzero, 7 * values)
        << row.name << " " << finite_nonzero << " of " << values;
  }
}

TEST(CaseGroups, MadeToFit) {
  const auto limit = [](const char* line) { return group_limit(parse_case(line)); };
  EXPECT_EQ(limit("preset=deepseek_v3 E=256 K=8").count, 8);
  EXPECT_EQ(limit("preset=deepseek_v3 E=256 K=8").kept, 4);
  EXPECT_EQ(limit("preset=deepseek_v2 E=160 K=6").kept, 3);
  EXPECT_EQ(limit("preset=deepseek_v3 E=12 K=2").count, 6);
  EXPECT_EQ(limit("preset=deepseek_v3 E=12 K=2").kept, 3);
  EXPECT_EQ(limit("preset=deepseek_v3 E=8 K=8").kept, 8);
  EXPECT_EQ(limit("preset=deepseek_v3 E=7 K=2").count, 7);
  EXPECT_EQ(limit("preset=deepseek_v3 E=1 K=1").count, 1);
  EXPECT_EQ(limit("preset=mixtral E=8 K=2").count, 1);
  EXPECT_EQ(limit("preset=mixtral E=8 K=2 groups=4 kept=2").count, 4);
}

}  // namespace
}  // namespace moe::check
