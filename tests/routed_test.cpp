// Experts that compute nothing, experts in a latent space, and what stands beside them: what the
// reference does against what the papers say.
#include "reference/routed.h"

#include <gtest/gtest.h>

#include "check/case.h"
#include "reference/linear.h"
#include "reference/shared.h"
#include "reference/sparse.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;
using check::make_sparse_layer;
using check::make_tokens;
using check::parse_case;

Recording trace_of(const SparseLayer& layer, const Matrix& x) {
  Recording trace;
  reference::sparse(layer, x, &trace);
  return trace;
}

// LongCat: an expert of index 8 or more of 12 contributes w x, and costs nothing.
TEST(Routed, IdentitiesGiveTheTokenTimesItsWeight) {
  const Case c = parse_case("preset=longcat T=40 D=6 F=5 E=12 K=1 seed=2");
  const SparseLayer layer = make_sparse_layer(c);
  ASSERT_EQ(layer.experts.identities, 4);
  ASSERT_EQ(layer.experts.ffn.size(), 8U);
  const Matrix x = make_tokens(c);
  const Recording trace = trace_of(layer, x);
  const IntMatrix S = int_stage(trace, "selected"), positions = int_stage(trace, "positions");
  const Matrix w = stage(trace, "weights"), y = stage(trace, "output");
  int identities = 0;
  for (Index t = 0; t < c.T; t++) {
    if (S(t, 0) < 8) continue;
    identities++;
    for (Index d = 0; d < c.D; d++) EXPECT_EQ(y(t, d), w(t, 0) * x(t, d));
    EXPECT_TRUE(same_bits(Matrix::Zero(1, 5), Matrix(stage(trace, "hidden").row(positions(t, 0)))));
  }
  EXPECT_GT(identities, 5);
  EXPECT_LT(identities, 35);
}

// Nemotron 3: the experts see W_down x, W_up takes their sum back; the router and the shared expert
// see x itself.
TEST(Routed, LatentExpertsWorkBetweenTwoProducts) {
  const Case c = parse_case("preset=nemotron3_super T=7 D=12 F=5 E=6 K=2 seed=2");
  const SparseLayer layer = make_sparse_layer(c);
  ASSERT_TRUE(layer.latent);
  const Index L = layer.latent->down.rows();
  ASSERT_EQ(L, 3);
  const Matrix x = make_tokens(c);
  const Recording trace = trace_of(layer, x);
  const Matrix u = reference::linear(x, layer.latent->down, Vector());
  EXPECT_TRUE(same_bits(u, stage(trace, "latent")));
  EXPECT_TRUE(same_bits(reference::linear(x, layer.router.weight, layer.router.bias),
                        stage(trace, "logits")));

  SparseLayer inner = layer;  // the same experts as a layer of width L that routes alike
  inner.latent.reset();
  inner.shared.reset();
  const Routing routing = reference::route(layer.router, x, nullptr);
  const Dispatch dispatch = reference::place(routing, 6, std::nullopt, nullptr);
  const Matrix combined =
      reference::run_routed(inner.experts, std::nullopt, routing, dispatch, u, nullptr);
  EXPECT_TRUE(same_bits(combined, stage(trace, "combined")));
  const Matrix expanded = reference::linear(combined, layer.latent->up, Vector());
  EXPECT_TRUE(same_bits(expanded, stage(trace, "expanded")));
  EXPECT_TRUE(same_bits(Matrix(expanded + reference::run_shared(*layer.shared, x, nullptr)),
                        stage(trace, "output")));
}

// MiniMax's blend and DeepSpeed's residual MoE are convex: with both sides equal, that is what
// comes.
TEST(Routed, JoinsAreConvex) {
  for (const char* line : {"preset=minimax_blended T=9 D=6 F=5 E=4 K=1 seed=3",
                           "preset=residual_moe T=9 D=6 F=5 E=4 K=1 C=9 seed=3"}) {
    const Case c = parse_case(line);
    SparseLayer layer = make_sparse_layer(c);
    layer.router.config.normalisation = Normalisation::sum;  // weight 1
    layer.router.config.epsilon = 0;
    for (Ffn& ffn : layer.experts.ffn) ffn = layer.shared->ffn;
    const Matrix x = make_tokens(c);
    const Recording trace = trace_of(layer, x);
    const Matrix y = stage(trace, "output"), one = stage(trace, "combined"),
                 part = stage(trace, "shared");
    for (Index i = 0; i < y.size(); i++) {
      // Shares that sum to 1 within 3 roundings, two products and a sum.
      EXPECT_NEAR(y.data()[i], one.data()[i], 7 * 0x1p-24 * std::fabs(double{one.data()[i]}))
          << line;
      EXPECT_LT(std::fabs(part.data()[i]), std::fabs(one.data()[i])) << line;
    }
    layer.shared->gate *=
        -1e4F;  // a gate that is shut leaves the routed experts everything, or nothing
    if (layer.shared->gate_bias.size() != 0) layer.shared->gate_bias *= -1e4F;
    const Recording shut = trace_of(layer, x);
    for (Index t = 0; t < c.T; t++) {
      const bool all = same_bits(Matrix(stage(shut, "output").row(t)), Matrix(one.row(t)));
      EXPECT_TRUE(all) << line << " token " << t;
    }
  }
}

TEST(Routed, SharesAreWhatTheyAreCalled) {
  EXPECT_EQ(reference::shares(SharedJoin::added, {0}), (std::vector<float>{1, 0.5F}));
  EXPECT_EQ(reference::shares(SharedJoin::blended, {0}), (std::vector<float>{0.5F, 0.5F}));
  EXPECT_EQ(reference::shares(SharedJoin::weighed, {2, 2}), (std::vector<float>{0.5F, 0.5F}));
  const std::vector<float> b = reference::shares(SharedJoin::blended, {30});
  EXPECT_EQ(b[0], 1 - b[1]);
  EXPECT_GT(b[1], 0.999F);
}

}  // namespace
}  // namespace moe::test
