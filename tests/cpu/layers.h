// What the tests of the CPU tier's layers share: parts of layers, and whole passes compared with
// the reference's.
#pragma once
#include <fmt/ranges.h>

#include <functional>

#include "reference/error.h"
#include "reference/trace.h"
#include "tests/cpu/support.h"

namespace moe::test {

/// Are all stages the same: names, order, shapes and bits?
inline ::testing::AssertionResult same_stages(const Recording& expected, const Recording& found) {
  if (!(expected.stages.size() == found.stages.size()))
    return ::testing::AssertionFailure() << fmt::format(
               "expected {} stages, found {}", expected.stages.size(), found.stages.size());
  for (std::size_t s = 0; s < expected.stages.size(); s++) {
    const Stage& e = expected.stages[s];
    const Stage& f = found.stages[s];
    if (!(e.name == f.name && e.shape == f.shape && e.values.index() == f.values.index()))
      return ::testing::AssertionFailure()
             << fmt::format("stage {}: expected {} {}, found {} {}, or another type", s, e.name,
                            fmt::join(e.shape, "x"), f.name, fmt::join(f.shape, "x"));
    if (e.values.index() == 1) {
      if (!(e.values == f.values)) return ::testing::AssertionFailure() << e.name << " differs";
      continue;
    }
    const auto same = same_bits(std::get<0>(e.values), std::get<0>(f.values));
    if (!same) return ::testing::AssertionFailure() << e.name << ": " << same.message();
  }
  return ::testing::AssertionSuccess();
}

/// A pass of both tiers: every stage and the output, with and without a trace, for every number of
/// threads. reference(trace) and tier(trace, threads) run them; `stages` is how many there must be.
inline void expect_same_pass(const std::function<Matrix(Trace*)>& reference,
                             const std::function<Matrix(Trace*, int)>& tier, std::size_t stages,
                             const std::string& name,
                             std::span<const int> thread_counts = kThreads) {
  Recording expected;
  const Matrix y = reference(&expected);
  ASSERT_EQ(expected.stages.size(), stages) << name;
  for (const int threads : thread_counts) {
    Recording found;
    ASSERT_TRUE(same_bits(y, tier(&found, threads))) << name << " threads=" << threads;
    ASSERT_TRUE(same_bits(y, tier(nullptr, threads))) << name << " threads=" << threads;
    ASSERT_TRUE(same_stages(expected, found)) << name << " threads=" << threads;
  }
}

/// What a call is refused with; "accepted" if it is not. Two tiers refuse the same input with the
/// same words.
inline std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

/// The same experts, bit for bit.
inline ::testing::AssertionResult same_experts(const Experts& expected, const Experts& found) {
  if (!(expected.ffn.size() == found.ffn.size()))
    return ::testing::AssertionFailure() << found.ffn.size() << " experts";
  for (std::size_t e = 0; e < expected.ffn.size(); e++) {
    const Ffn &a = expected.ffn[e], &b = found.ffn[e];
    if (!(same_bits(a.gate, b.gate) && same_bits(a.up, b.up) && same_bits(a.down, b.down) &&
          same_bits(a.gate_bias, b.gate_bias) && same_bits(a.up_bias, b.up_bias) &&
          same_bits(a.down_bias, b.down_bias)))
      return ::testing::AssertionFailure() << "expert " << e << " differs";
  }
  return ::testing::AssertionSuccess();
}

/// E networks of one shape.
inline Experts make_experts(Draw& draw, Index E, Index F, Index D, bool biased = false) {
  Experts experts;
  for (Index e = 0; e < E; e++)
    experts.ffn.push_back(make_ffn(draw, F, D, experts.activation.gated, biased));
  return experts;
}

/// A router with the best K of E experts.
inline Router make_router(Draw& draw, Index E, Index D, Index K) {
  Router router;
  router.config.chosen = K;
  router.weight = draw.matrix(E, D);
  return router;
}

/// make_routing with about one slot of `every` not used.
inline Routing make_routing_with_gaps(Draw& draw, Index T, Index E, Index K, std::uint32_t every,
                                      WeightOn on) {
  Routing routing = make_routing(draw, T, E, K, 0, on);
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++) {
      if (draw.word() % every != 0) continue;
      routing.selected(t, k) = -1;
      routing.weights(t, k) = 0;
    }
  return routing;
}

}  // namespace moe::test
