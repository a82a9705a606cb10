// What the tests of the CUDA tier share: the numbers of tests/cpu/support.h, and the emulator's
// orders. The kernels run on the CPU here, as moe::cuda_emulated.
#pragma once
#include <functional>
#include <limits>
#include <string>

#include "cuda/emulator/cuda_on_cpu.h"
#include "reference/batch.h"
#include "reference/variants.h"
#include "tests/cpu/support.h"

namespace moe::test {

namespace cuda = ::moe::cuda_emulated;

/// Calls test() with threads, warps and blocks forward, reversed, and in a random order.
inline void in_every_order(const std::function<void()>& test) {
  using cuda_on_cpu::Order;
  const std::size_t buffers = cuda_on_cpu::live_buffers();
  for (const auto& [order, name] : {std::pair(Order::forward, "forward"),
                                    std::pair(Order::reverse, "reverse"),
                                    std::pair(Order::random, "random")}) {
    SCOPED_TRACE(std::string("order of threads: ") + name);
    cuda_on_cpu::set({.order = order});
    test();
    if (::testing::Test::HasFailure()) break;
  }
  cuda_on_cpu::set({});
  EXPECT_EQ(cuda_on_cpu::live_buffers(), buffers) << "device memory was not given back";
}

/// Both traces have the same stages in the same order, bit for bit.
inline void expect_same_stages(const Recording& expected, const Recording& found,
                               const std::string& name) {
  ASSERT_EQ(expected.stages.size(), found.stages.size()) << name;
  for (std::size_t s = 0; s < expected.stages.size(); s++) {
    const Stage& e = expected.stages[s];
    const Stage& f = found.stages[s];
    ASSERT_EQ(e.name, f.name) << name;
    ASSERT_EQ(e.shape, f.shape) << name << " " << e.name;
    if (const auto* floats = std::get_if<std::vector<float>>(&e.values))
      ASSERT_TRUE(same_bits(*floats, std::get<std::vector<float>>(f.values)))
          << name << " " << e.name;
    else
      ASSERT_EQ(e.values, f.values) << name << " " << e.name;
  }
}

/// One pass of the tier against the reference's: y and every stage, in every order of threads, with
/// and without a trace.
inline void expect_same_pass(const std::function<Matrix(Trace*)>& reference,
                             const std::function<Matrix(Trace*)>& tier, const std::string& name) {
  Recording expected;
  const Matrix y = reference(&expected);
  in_every_order([&] {
    Recording found;
    ASSERT_TRUE(same_bits(y, tier(&found))) << name;
    expect_same_stages(expected, found, name);
    ASSERT_TRUE(same_bits(y, tier(nullptr))) << name << " without a trace";
  });
}

/// The same of a layer and what the tier prepared of it.
template <class Layer, class Prepared>
void expect_same_pass(Matrix (*reference)(const Layer&, const ConstMatrix&, Trace*),
                      Matrix (*tier)(const Prepared&, const ConstMatrix&, Trace*),
                      const Layer& layer, const Prepared& prepared, const Matrix& x,
                      const std::string& name) {
  expect_same_pass([&](Trace* trace) { return reference(layer, x, trace); },
                   [&](Trace* trace) { return tier(prepared, x, trace); }, name);
}

/// The same of a layer that may draw or look token ids up.
template <class Layer, class Prepared>
void expect_same_pass(Matrix (*reference)(const Layer&, const ConstMatrix&, Trace*, const Batch&),
                      Matrix (*tier)(const Prepared&, const ConstMatrix&, Trace*, const Batch&),
                      const Layer& layer, const Prepared& prepared, const Matrix& x,
                      const std::string& name, const Batch& batch = {}) {
  expect_same_pass([&](Trace* trace) { return reference(layer, x, trace, batch); },
                   [&](Trace* trace) { return tier(prepared, x, trace, batch); }, name);
}

/// Gives a routing scores with ties and, if asked for, NaN among them; and empties every few slots.
inline void make_wild(Draw& draw, Routing& routing, bool gaps, bool nan) {
  const float scores[] = {0.5F, 0.25F, 0.0F, -0.0F, 0.5F, 1.0F,
                          nan ? std::numeric_limits<float>::quiet_NaN() : 0.125F};
  routing.chosen_scores.resize(routing.selected.rows(), routing.selected.cols());
  for (Index i = 0; i < routing.selected.size(); i++) {
    routing.chosen_scores.data()[i] = scores[draw.word() % 7];
    if (!gaps || draw.word() % 3 != 0) continue;
    routing.selected.data()[i] = -1;
    routing.weights.data()[i] = 0;
  }
}

/// E networks of one shape.
inline Experts make_experts(Draw& draw, Index E, Index D, Index F) {
  Experts experts;
  for (Index e = 0; e < E; e++)
    experts.ffn.push_back(make_ffn(draw, F, D, experts.activation.gated, true));
  return experts;
}

/// Tokens of which every third repeats the one before it, so that scores tie.
inline Matrix with_ties(Matrix x) {
  for (Index t = 2; t < x.rows(); t += 3) x.row(t) = x.row(t - 1);
  return x;
}

/// The same with a NaN and infinities in a few places.
inline Matrix with_nan(Matrix x) {
  const float wild[] = {std::numeric_limits<float>::quiet_NaN(),
                        std::numeric_limits<float>::infinity(),
                        -std::numeric_limits<float>::infinity()};
  for (Index t = 0; t < x.rows(); t += 4) x(t, t % x.cols()) = wild[t / 4 % 3];
  return x;
}

inline void expect_same_experts(const Experts& expected, const Experts& found) {
  ASSERT_EQ(expected.ffn.size(), found.ffn.size());
  for (std::size_t e = 0; e < expected.ffn.size(); e++) {
    for (const auto matrix : {&Ffn::gate, &Ffn::up, &Ffn::down})
      EXPECT_TRUE(same_bits(expected.ffn[e].*matrix, found.ffn[e].*matrix)) << "expert " << e;
    for (const auto bias : {&Ffn::gate_bias, &Ffn::up_bias, &Ffn::down_bias})
      EXPECT_TRUE(same_bits(expected.ffn[e].*bias, found.ffn[e].*bias)) << "expert " << e;
  }
}

}  // namespace moe::test
