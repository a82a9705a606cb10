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

using accounting::Rows;
using accounting::Work;

struct Outcome {
  Work counted, done;
  Index trace_bytes = 0;       // what the instrumented run's trace saw
  Index trace_bytes_real = 0;  // what the plain reference's saw
  Rows rows;
  bool same_output = false;
};

// Rows by what their experts do, from what was chosen and what found a place.
Rows rows_of(const SparseLayer& layer, const Recording& trace) {
  const auto& selected = std::get<std::vector<std::int32_t>>(trace.find("selected")->values);
  const auto& positions = std::get<std::vector<std::int32_t>>(trace.find("positions")->values);
  Rows rows;
  for (std::size_t i = 0; i < selected.size(); i++)
    if (positions[i] >= 0) (selected[i] < std::ssize(layer.experts.ffn) ? rows.networks : rows.identities)++;
  return rows;
}

Outcome run(const SparseLayer& layer, const check::Case& c) {
  Outcome o;
  Recording trace;
  const Matrix x = check::make_tokens(c);
  const Batch batch = check::make_batch(c);
  const Matrix y = reference::sparse(layer, x, &trace, batch);
  for (const Stage& s : trace.stages)
    o.trace_bytes_real += 4 * std::visit([](const auto& v) { return static_cast<Index>(v.size()); }, s.values);
  o.rows = rows_of(layer, trace);
  Matrix again(x.rows(), x.cols());
  const Done d = run_instrumented(&layer, sizeof layer, x.data(), x.rows(), x.cols(), &batch, sizeof batch, again.data());
  o.done = {d.fused, d.additions, d.multiplications, d.divisions, d.roots, d.functions, d.draws};
  o.trace_bytes = d.trace_bytes;
  o.same_output = (y.array() == again.array()).all();
  o.counted = accounting::layer_work(layer, x.rows(), o.rows, batch.training);
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
  EXPECT_EQ(o.counted.draws, o.done.draws) << what;
}

accounting::MoeShape shape_of(const SparseLayer& layer, Index T, Rows rows, bool training = false) {
  const auto [E, D, F, K, S] = sizes(layer);
  const Noise noise = layer.router.config.noise_kind;
  return {.tokens = T, .width = D, .experts = E, .chosen = K, .hidden = F, .rows = rows.all(), .idle_rows = rows.identities,
          .latent = layer.latent ? layer.latent->down.rows() : 0, .shared_hidden = S, .gated = layer.experts.activation.gated,
          .capacity = layer.capacity.has_value(), .scored = layer.router.unscored == 0,
          .noisy = training && (noise == Noise::gaussian || noise == Noise::learned_gaussian)};
}

// Runs the case both ways and compares everything that is counted; returns the rows.
Rows expect_counted(const std::string& line) {
  const check::Case c = check::parse_case(line);
  const SparseLayer layer = check::make_sparse_layer(c);
  const Outcome o = run(layer, c);
  expect_equal(o, line);
  EXPECT_EQ(o.trace_bytes, o.trace_bytes_real) << line;
  EXPECT_EQ(accounting::trace_bytes(shape_of(layer, c.T, o.rows, c.training)), o.trace_bytes) << line;
  return o.rows;
}

Index usual_chosen(const Preset& p) { return p.router.chosen == 1 ? 1 : 2; }

TEST(AccountingWork, EveryPresetDoesWhatIsCounted) {
  Index tried = 0, refused = 0, identities = 0;
  for (const Preset& p : presets()) {
    if (p.variant != "sparse") continue;
    for (const char* sizes : {"T=7 D=10 F=6 E=8", "T=1 D=3 F=5 E=16", "T=33 D=4 F=2 E=8"}) {
      const std::string line = fmt::format("preset={} {} K={}", p.name, sizes, usual_chosen(p));
      if (p.router.raw_weight == RawWeight::near_tie_softmax) {
        EXPECT_THROW(accounting::layer_work(check::make_sparse_layer(check::parse_case(line)), 7, {.networks = 14}), Error);
        refused++;
        continue;
      }
      identities += expect_counted(line).identities;
      tried++;
    }
  }
  EXPECT_GT(tried, 100);
  EXPECT_EQ(refused, 3) << "SparseMixer, at three sizes";
  EXPECT_GT(identities, 20) << "LongCat's tokens visit experts that compute nothing";
}

TEST(AccountingWork, TrainingIsCounted) {
  Index noisy = 0;
  for (const Preset& p : presets()) {
    if (p.variant != "sparse" || p.router.raw_weight == RawWeight::near_tie_softmax) continue;
    const std::string line = fmt::format("preset={} T=8 D=10 F=6 E=8 K={} training=1", p.name, usual_chosen(p));
    if (p.router.choice == Choice::balanced) {
      EXPECT_THROW(accounting::layer_work(check::make_sparse_layer(check::parse_case(line)), 8, {.networks = 8}, true), Error);
      continue;
    }
    expect_counted(line);
    noisy += p.router.noise_kind != Noise::none ? 1 : 0;
  }
  EXPECT_GE(noisy, 3) << "Gaussian, learned, jitter";
}

TEST(AccountingWork, DropsAreCounted) {
  int dropped = 0;
  for (const char* line :
       {"preset=switch T=33 D=4 F=6 E=8 K=1 C=2", "preset=gshard T=32 D=4 F=6 E=8 K=2 C=3", "preset=mixtral T=17 D=4 F=6 E=4 K=2 C=1",
        "preset=nllb T=16 D=4 F=6 E=4 K=2 C=2", "preset=deepseek_v3 T=20 D=8 F=6 E=8 K=2 C=1", "preset=longcat T=20 D=8 F=6 E=6 K=2 C=2",
        "preset=nemotron3_super T=20 D=8 F=6 E=8 K=2 C=2", "preset=hash T=20 D=8 F=6 E=4 K=1 C=2", "preset=mixtral T=20 D=8 F=6 E=8 K=3 later=random",
        "preset=mixtral T=20 D=8 F=6 E=8 K=3 later=until_mass"}) {
    const check::Case c = check::parse_case(line);
    dropped += expect_counted(line).all() < c.T * c.K ? 1 : 0;
  }
  EXPECT_GE(dropped, 9);
}

// A table decides: nothing is ranked, so a bias of the choice is not added to anything.
TEST(AccountingWork, KeysThatNothingRanksAreNoWork) {
  const check::Case c = check::parse_case("preset=deepseek_v4_hash T=9 D=8 F=6 E=8 K=2");
  SparseLayer layer = check::make_sparse_layer(c);
  const accounting::Work without = accounting::layer_work(layer, c.T, {.networks = c.T * c.K});
  layer.router.config.key = SelectionKey::score_plus_bias;
  layer.router.selection_bias = Vector::Ones(c.E);
  const Outcome o = run(layer, c);
  expect_equal(o, c.text());
  EXPECT_EQ(o.counted, without);
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
  const Index products = accounting::layer_product_fused(layer, c.T, {.networks = c.T * K});
  EXPECT_EQ(2 * products, c.T * accounting::weight_flops(m, false));
  const Outcome o = run(layer, c);
  const Index combine = c.T * K * D;
  const Index squares = layer.router.config.normalisation == Normalisation::none ? 0 : c.T * K;
  EXPECT_EQ(o.done.fused, products + combine + squares);
}

// The same of a layer whose experts work in a narrower space.
TEST(AccountingWork, ProductsOfALatentSpaceAreWhatFlopsCharges) {
  const check::Case c = check::parse_case("preset=nemotron3_super T=5 D=8 F=6 E=8 K=2");
  const SparseLayer layer = check::make_sparse_layer(c);
  const auto [E, D, F, K, S] = sizes(layer);
  accounting::Model m;
  m.width = D;
  m.vocabulary = 1;
  m.layers = {{.mixture = accounting::Mixture{
                   .experts = E, .chosen = K, .hidden = F, .gated = false, .latent = layer.latent->down.rows(), .shared_hidden = S}}};
  EXPECT_EQ(2 * accounting::layer_product_fused(layer, c.T, {.networks = c.T * K}), c.T * accounting::weight_flops(m, false));
}

// What no network computes is shown, and not kept for a backward pass.
TEST(AccountingWork, IdleRowsAreNotKept) {
  accounting::MoeShape shape{.tokens = 8, .width = 4, .experts = 6, .chosen = 2, .hidden = 10, .rows = 16};
  const Index all = accounting::kept_bytes(shape, 2, false);
  const Index shown = accounting::trace_bytes(shape);
  shape.idle_rows = 5;
  EXPECT_EQ(accounting::trace_bytes(shape), shown);
  EXPECT_EQ(all - accounting::kept_bytes(shape, 2, false), 2 * 5 * (4 + 3 * 10 + 4)) << "input, gate, up, hidden, output";
}

}  // namespace
}  // namespace moe::test
