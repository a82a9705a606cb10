// What is counted for a layer is what the reference does: its own sources, compiled with a type that counts.
#include <gtest/gtest.h>

#include "check/case.h"
#include "reference/accounting/flops.h"
#include "reference/accounting/stages.h"
#include "reference/accounting/work.h"
#include "reference/presets.h"
#include "reference/sparse.h"
#include "tests/accounting/configs.h"
#include "tests/accounting/instrumented.h"

namespace moe::test {
namespace {

using accounting::Work;

struct Outcome {
  Work counted, done;
  Index trace_bytes = 0;       // what the instrumented run's trace saw
  Index trace_bytes_real = 0;  // what the plain reference's saw
  Index rows = 0;
  bool same_output = false;
};

Outcome run(const SparseLayer& layer, const Matrix& x) {
  Outcome o;
  Recording trace;
  const Matrix y = reference::sparse(layer, x, &trace);
  for (const Stage& s : trace.stages)
    o.trace_bytes_real += 4 * std::visit([](const auto& v) { return static_cast<Index>(v.size()); }, s.values);
  o.rows = trace.find("dispatched")->shape[0];
  Matrix again(x.rows(), x.cols());
  const Done d = run_instrumented(&layer, sizeof layer, x.data(), x.rows(), x.cols(), again.data());
  o.done = {d.fused, d.additions, d.multiplications, d.divisions, d.roots, d.functions};
  o.trace_bytes = d.trace_bytes;
  o.same_output = (y.array() == again.array()).all();
  o.counted = accounting::layer_work(layer, x.rows(), o.rows);
  return o;
}

void expect_equal(const Outcome& o, const std::string& what) {
  EXPECT_TRUE(o.same_output) << what;
  EXPECT_EQ(o.counted.fused, o.done.fused) << what;
  EXPECT_EQ(o.counted.additions, o.done.additions) << what;
  EXPECT_EQ(o.counted.multiplications, o.done.multiplications) << what;
  EXPECT_EQ(o.counted.divisions, o.done.divisions) << what;
  EXPECT_EQ(o.counted.roots, o.done.roots) << what;
  EXPECT_EQ(o.counted.functions, o.done.functions) << what;
}

accounting::MoeShape shape_of(const SparseLayer& layer, Index T, Index rows) {
  const auto [E, D, F, K, S] = sizes(layer);
  return {.tokens = T, .width = D, .experts = E, .chosen = K, .hidden = F, .rows = rows, .shared_hidden = S,
          .gated = layer.experts.activation.gated, .capacity = layer.capacity.has_value()};
}

bool is_token_choice(const Preset& p) {
  try {
    check::make_sparse_layer(check::parse_case(fmt::format("preset={} T=2 D=4 F=4 E=8 K={}", p.name, p.router.chosen == 1 ? 1 : 2)));
  } catch (const Error&) {
    return false;
  }
  return p.router.raw_weight != RawWeight::near_tie_softmax;
}

TEST(AccountingWork, EveryPresetDoesWhatIsCounted) {
  int tried = 0;
  for (const Preset& p : presets()) {
    if (!is_token_choice(p)) continue;
    for (const char* sizes : {"T=7 D=10 F=6 E=8", "T=1 D=3 F=5 E=16", "T=33 D=4 F=2 E=8"}) {
      const check::Case c = check::parse_case(fmt::format("preset={} {} K={}", p.name, sizes, p.router.chosen == 1 ? 1 : 2));
      const SparseLayer layer = check::make_sparse_layer(c);
      const Outcome o = run(layer, check::make_tokens(c));
      expect_equal(o, c.text());
      EXPECT_EQ(o.trace_bytes, o.trace_bytes_real) << c.text();
      EXPECT_EQ(accounting::trace_bytes(shape_of(layer, c.T, o.rows)), o.trace_bytes) << c.text();
      tried++;
    }
  }
  EXPECT_GT(tried, 60);
}

TEST(AccountingWork, DropsAreCounted) {
  int dropped = 0;
  for (const char* line : {"preset=switch T=33 D=4 F=6 E=8 K=1 C=2", "preset=gshard T=32 D=4 F=6 E=8 K=2 C=3", "preset=mixtral T=17 D=4 F=6 E=4 K=2 C=1",
                           "preset=nllb T=16 D=4 F=6 E=4 K=2 C=2", "preset=deepseek_v3 T=20 D=8 F=6 E=8 K=2 C=1"}) {
    const check::Case c = check::parse_case(line);
    const SparseLayer layer = check::make_sparse_layer(c);
    const Outcome o = run(layer, check::make_tokens(c));
    expect_equal(o, line);
    EXPECT_EQ(accounting::trace_bytes(shape_of(layer, c.T, o.rows)), o.trace_bytes) << line;
    dropped += o.rows < c.T * c.K ? 1 : 0;
  }
  EXPECT_GE(dropped, 4);
}

// Of all that a layer does, what FLOP counts charge is the products with weights; the weighted sum comes on top.
TEST(AccountingWork, ProductsAreWhatFlopsCharges) {
  const check::Case c = check::parse_case("preset=qwen2_moe T=5 D=8 F=6 E=8 K=2");
  const SparseLayer layer = check::make_sparse_layer(c);
  const auto [E, D, F, K, S] = sizes(layer);
  accounting::Model m;
  m.width = D;
  m.vocabulary = 1;
  m.layers = {{.mixture = accounting::Mixture{.experts = E, .chosen = K, .hidden = F, .shared_hidden = S, .shared_gate = true}}};
  const Index products = accounting::layer_product_fused(layer, c.T, c.T * K);
  EXPECT_EQ(2 * products, c.T * accounting::weight_flops(m, false));
  const Outcome o = run(layer, check::make_tokens(c));
  const Index combine = c.T * K * D;
  const Index squares = layer.router.config.normalisation == Normalisation::none ? 0 : c.T * K;
  EXPECT_EQ(o.done.fused, products + combine + squares);
}

}  // namespace
}  // namespace moe::test
