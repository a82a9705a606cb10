// The bound holds, it is not silly, and it notices an error of one part in 100 000.
#include "check/bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "check/case.h"
#include "check/error_arithmetic.h"
#include "reference/activation.h"
#include "reference/error.h"
#include "reference/numerics/elementary.h"
#include "reference/presets.h"
#include "reference/router.h"
#include "reference/sparse.h"
#include "tests/support/rows.h"

namespace moe::check {
namespace {

// What the reference computed, and its bound.
struct Judged {
  Matrix logits, weights, output;
  Bounded bounded;
};

Matrix matrix_of(const Recording& trace, const char* name) {
  const Stage* stage = trace.find(name);
  return Eigen::Map<const Matrix>(std::get<std::vector<float>>(stage->values).data(),
                                  stage->shape[0], stage->shape[1]);
}

IntMatrix selected_of(const Recording& trace) {
  const Stage* stage = trace.find("selected");
  return Eigen::Map<const IntMatrix>(std::get<std::vector<std::int32_t>>(stage->values).data(),
                                     stage->shape[0], stage->shape[1]);
}

Judged judge(const SparseLayer& layer, const Matrix& x) {
  Recording trace;
  const Matrix y = reference::sparse(layer, x, &trace);
  return {matrix_of(trace, "logits"), matrix_of(trace, "weights"), y,
          bound(layer, x, selected_of(trace))};
}

// Errors in units of their bounds; a finite bound that does not hold gives a ratio above 1, or
// infinity.
struct Ratios {
  std::vector<double> values;
  Index unbounded = 0;  // bound infinite: says nothing

  void add(const Matrix& found, const DoubleMatrix& value, const DoubleMatrix& limit) {
    for (Index i = 0; i < found.size(); i++) {
      const double b = limit.data()[i];
      if (std::isinf(b)) {
        unbounded++;
        continue;
      }
      const double error = std::fabs(static_cast<double>(found.data()[i]) - value.data()[i]);
      const bool holds = error <= b;
      values.push_back(error == 0 ? 0 : holds || error > b ? error / b : HUGE_VAL);
    }
  }
  double quantile(double q) {
    std::sort(values.begin(), values.end());
    return values.empty() ? NAN : values[std::size_t(q * double(values.size() - 1))];
  }
};

TEST(Bound, HoldsForEveryPresetFamilyAndRoute) {
  for (const char* family : {"exact", "normal", "wild"}) {
    Ratios logits, weights, output;
    int cases = 0;
    for (const Preset& row : test::plain_rows())
      for (const char* route : {"uniform", "skew:1.2", "one", "empty"})
        for (const char* sizes : {"T=16 D=16 F=24 E=8 K=2", "T=8 D=64 F=33 E=16 K=4",
                                  "T=8 D=1 F=1 E=3 K=3", "T=12 D=7 F=100 E=5 K=1"})
          for (int seed = 1; seed <= 4; seed++) {
            Case c = parse_case("preset=" + std::string(row.name) + " gen=" + family +
                                " route=" + route + " " + sizes);
            c.seed = std::uint64_t(seed);
            const Judged r = judge(make_sparse_layer(c), make_tokens(c));
            const std::size_t before[] = {logits.values.size(), weights.values.size(),
                                          output.values.size()};
            logits.add(r.logits, r.bounded.logits, r.bounded.logits_bound);
            weights.add(r.weights, r.bounded.weights, r.bounded.weights_bound);
            output.add(r.output, r.bounded.output, r.bounded.output_bound);
            const Ratios* all[] = {&logits, &weights, &output};
            for (int i = 0; i < 3; i++)
              for (std::size_t j = before[i]; j < all[i]->values.size(); j++)
                ASSERT_LE(all[i]->values[j], 1) << c.text() << " of " << i;
            cases++;
          }
    for (Ratios* ratios : {&logits, &weights, &output})
      std::printf(
          "%-6s %5d cases %8zu values: error/bound median %.2g, 99%% %.2g, largest %.2g; "
          "%lld unbounded\n",
          family, cases, ratios->values.size(), ratios->quantile(0.5), ratios->quantile(0.99),
          ratios->quantile(1), static_cast<long long>(ratios->unbounded));
    if (family == std::string("normal")) {
      EXPECT_GT(logits.quantile(0.5), 1e-2);
      EXPECT_GT(weights.quantile(0.5), 1e-3);
      EXPECT_GT(output.quantile(0.5), 1e-3);
      EXPECT_EQ(logits.unbounded + weights.unbounded + output.unbounded, 0);
    }
    if (family == std::string("wild")) {
      EXPECT_LT(5 * output.unbounded, Index(output.values.size()));
    }
  }
}

// All options that no preset has.
TEST(Bound, HoldsForEveryOption) {
  Ratios weights, output;
  int layers = 0;
  Index finite = 0;
  for (const Score score : {Score::logit, Score::softmax, Score::sigmoid, Score::sqrt_softplus})
    for (const RawWeight raw : {RawWeight::score, RawWeight::softmax_of_chosen,
                                RawWeight::sigmoid_of_chosen, RawWeight::near_tie_softmax})
      for (const Normalisation norm :
           {Normalisation::none, Normalisation::sum, Normalisation::max_sum, Normalisation::l2})
        for (const WeightOn on : {WeightOn::output, WeightOn::input})
          for (int f = 0; f < 7; f++)
            for (const bool gated : {true, false}) {
              Case c = parse_case("preset=qwen2_moe T=6 D=12 F=10 E=6 K=3 seed=4");
              SparseLayer layer = make_sparse_layer(c);
              RouterConfig& config = layer.router.config;
              config.score = score;
              config.raw_weight = raw;
              config.normalisation = norm;
              config.weight_on = on;
              config.epsilon = norm == Normalisation::max_sum ? 0.5F : 1e-3F;
              config.scale = 2.5F;
              config.near_tie = 0.2F;
              Activation& a = layer.experts.activation;
              a.function = static_cast<Nonlinearity>(f);
              a.gated = gated;
              a.slope = 1.702F;
              if (f % 2 == 1) {
                a.limit = 1.5F;
                a.up_offset = 1;
              }
              if (!gated)
                for (Ffn& ffn : layer.experts.ffn) ffn.gate.resize(0, 0);
              const Judged r = judge(layer, make_tokens(c));
              weights.add(r.weights, r.bounded.weights, r.bounded.weights_bound);
              output.add(r.output, r.bounded.output, r.bounded.output_bound);
              ASSERT_LE(weights.quantile(1), 1) << layers;
              ASSERT_LE(output.quantile(1), 1) << layers;
              weights.values.clear();
              finite += Index(output.values.size());
              output.values.clear();
              layers++;
            }
  EXPECT_EQ(layers, 4 * 4 * 4 * 2 * 7 * 2);
  EXPECT_GT(finite, layers * 6 * 12 * 9 / 10);
}

// The derivative bounds that docs/error_bound.md states, on a fine grid in binary64; and the moved
// results stay inside.
TEST(Bound, LipschitzConstants) {
  Activation a;
  for (const Nonlinearity f : {Nonlinearity::relu, Nonlinearity::relu_squared, Nonlinearity::gelu,
                               Nonlinearity::gelu_tanh, Nonlinearity::silu, Nonlinearity::swish}) {
    a.function = f;
    a.slope = 1.702F;
    const auto value = [&](double x) { return nonlinearity(a, {x, 0}).value; };
    for (double x = -40; x < 40; x += 0.0137)
      for (const double e : {1e-3, 0.1, 3.0}) {
        const Approx y = nonlinearity(a, {x, e});
        for (const double s : {-1.0, -0.3, 0.6, 1.0})
          ASSERT_LE(std::fabs(value(x + s * e) - y.value), y.error + 1e-13 * (1 + x * x))
              << int(f) << " " << x << " " << e;
      }
  }
  for (double x = -90; x < 90; x += 0.0137)
    for (const double e : {1e-3, 0.1, 3.0})
      for (const double s : {-1.0, -0.3, 0.6, 1.0}) {
        const Approx y = sigmoid({x, e});
        ASSERT_LE(std::fabs(sigmoid({x + s * e, 0}).value - y.value), y.error) << x << " " << e;
        const Approx z = softplus({x, e});
        ASSERT_LE(std::fabs(softplus({x + s * e, 0}).value - z.value), z.error) << x << " " << e;
      }
}

// The binary64 functions stand for the same real functions as the contract's.
TEST(Bound, FunctionsAreTheContracts) {
  Activation a;
  a.slope = 1.702F;
  for (int f = 0; f < 7; f++) {
    a.function = static_cast<Nonlinearity>(f);
    for (float x = -30; x < 30; x += 0.01171875F) {
      const Approx y = nonlinearity(a, exactly(x));
      ASSERT_LE(std::fabs(double{reference::nonlinearity(a, x)} - y.value), y.error)
          << f << " " << x;
    }
  }
}

TEST(Bound, NoticesOnePartInAHundredThousand) {
  int noticed_router = 0, noticed_down = 0, noticed_weights = 0, cases = 0;
  for (const Preset& row : test::plain_rows())
    for (int seed = 1; seed <= 20; seed++) {
      Case c = parse_case("preset=" + std::string(row.name) + " T=16 D=16 F=24 E=4 K=2");
      c.seed = std::uint64_t(seed);
      const SparseLayer layer = make_sparse_layer(c);
      const Matrix x = make_tokens(c);
      const Judged good = judge(layer, x);
      const auto broken = [&](const std::function<void(SparseLayer&)>& plant) {
        SparseLayer other = layer;
        plant(other);
        Recording trace;
        const Matrix y = reference::sparse(other, x, &trace);
        Ratios ratios;
        ratios.add(y, good.bounded.output, good.bounded.output_bound);
        ratios.add(matrix_of(trace, "logits"), good.bounded.logits, good.bounded.logits_bound);
        return ratios.quantile(1) > 1;
      };
      const auto largest = [](Matrix& m) -> float& {
        Index r, col;
        m.cwiseAbs().maxCoeff(&r, &col);
        return m(r, col);
      };
      noticed_router += broken([&](SparseLayer& l) { largest(l.router.weight) *= 1.00001F; });
      noticed_down += broken([&](SparseLayer& l) {
        for (Ffn& ffn : l.experts.ffn) largest(ffn.down) *= 1.00001F;
      });
      Ratios ratios;
      ratios.add(good.weights * 1.00001F, good.bounded.weights, good.bounded.weights_bound);
      noticed_weights += ratios.quantile(0.0) > 1;
      cases++;
    }
  std::printf("noticed of %d: router %d, down %d, weights %d\n", cases, noticed_router,
              noticed_down, noticed_weights);
  EXPECT_EQ(noticed_router, cases);
  EXPECT_GT(noticed_down, cases / 2);  // one term of 24 after an activation
  EXPECT_GT(noticed_weights, cases * 9 / 10);
}

TEST(Bound, SaysNothingWhereBinary32Overflows) {
  const Case c = parse_case("preset=mixtral T=2 D=4 F=4 E=2 K=1");
  SparseLayer layer = make_sparse_layer(c);
  for (Ffn& ffn : layer.experts.ffn) ffn.down *= 1e38F;
  Matrix x = make_tokens(c);
  x.row(1) *= 1e6F;
  const Judged r = judge(layer, x);
  for (Index d = 0; d < 4; d++) EXPECT_TRUE(std::isinf(r.bounded.output_bound(1, d)));
}

TEST(Bound, RefusesAChoiceThatMakesNoSense) {
  const Case c = parse_case("preset=mixtral T=2 D=4 F=4 E=2 K=1");
  const SparseLayer layer = make_sparse_layer(c);
  const Matrix x = make_tokens(c);
  EXPECT_THROW(bound(layer, x, IntMatrix::Constant(2, 1, 2)), Error);
  EXPECT_THROW(bound(layer, x, IntMatrix::Constant(2, 1, -1)), Error);
  EXPECT_THROW(bound(layer, x, IntMatrix::Constant(1, 1, 0)), Error);
  EXPECT_THROW(bound(layer, x, IntMatrix::Constant(2, 2, 0)), Error);
}

}  // namespace
}  // namespace moe::check
