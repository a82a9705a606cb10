// The networks on the device against the reference, bit for bit.
#include "cuda/expert.h"

#include "reference/expert.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

Experts make_experts(Draw& draw, const Activation& activation, Index E, Index F, Index D,
                     bool biased) {
  Experts experts{activation, {}};
  for (Index e = 0; e < E; e++)
    experts.ffn.push_back(make_ffn(draw, F, D, activation.gated, biased));
  return experts;
}

void expect_same_outputs(const Experts& experts, const Routing& routing, const Matrix& x,
                         const std::string& name) {
  const auto E = static_cast<Index>(experts.ffn.size());
  const Dispatch dispatch = reference::place(routing, E, std::nullopt, nullptr);
  const Matrix rows = reference::gather(dispatch, routing, x, nullptr);
  Recording expected;
  const Matrix out = reference::run_experts(experts, dispatch, rows, &expected);
  const cuda::PreparedExperts prepared = cuda::prepare(experts);
  in_every_order([&] {
    Recording found;
    ASSERT_TRUE(same_bits(out, cuda::run_experts(prepared, dispatch, rows, &found))) << name;
    expect_same_stages(expected, found, name);
    ASSERT_TRUE(same_bits(out, cuda::run_experts(prepared, dispatch, rows, nullptr))) << name;
  });
}

// Every function, gated or not, clamped or not, with biases or without, in tiles of 16, 64 and 128
// rows.
TEST(CudaExpert, EveryActivationHasTheReferencesBits) {
  Draw draw(41);
  for (const Nonlinearity function : kNonlinearities)
    for (const bool gated : {true, false})
      for (const Index T : {3, 40, 150}) {
        Activation activation{.function = function, .gated = gated};
        if (function == Nonlinearity::swish) activation.slope = 1.702F;
        if (T == 40) activation.limit = 0.75F, activation.up_offset = 1;
        const Experts experts = make_experts(draw, activation, 1, 37, 10, T != 3);
        const Routing routing = make_routing(draw, T, 1, 1, 0, WeightOn::output);
        expect_same_outputs(experts, routing, draw.matrix(T, 10),
                            fmt::format("function {} gated {} T={}", int(function), gated, T));
      }
}

// A NaN passes through the clamps, an infinity does not, and -0 stays what it is.
TEST(CudaExpert, ClampsAsTheReferenceDoes) {
  const float nan = std::nanf("");
  Matrix x(6, 1);
  x << nan, INFINITY, -INFINITY, -0.0F, 1, -1;
  for (const Nonlinearity function : kNonlinearities)
    for (const float limit : {INFINITY, 0.5F}) {
      const Activation activation{.function = function, .limit = limit, .slope = 1.702F};
      Experts experts{activation, {Ffn{.gate = Matrix::Ones(2, 1),
                                       .up = Matrix::Constant(2, 1, -2),
                                       .down = Matrix::Ones(1, 2),
                                       .gate_bias = {},
                                       .up_bias = {},
                                       .down_bias = {}}}};
      const Matrix expected = reference::hidden_values(activation, experts.ffn[0], x);
      EXPECT_TRUE(same_bits(expected, cuda::hidden_values(cuda::prepare(experts), x)))
          << "function " << int(function) << " limit " << limit;
      // The plain form has no clamp.
      experts.activation.gated = false;
      experts.ffn[0].gate = Matrix();
      const Matrix plain = reference::hidden_values(experts.activation, experts.ffn[0], x);
      EXPECT_TRUE(same_bits(plain, cuda::hidden_values(cuda::prepare(experts), x)));
    }
}

// Edges of the tiles, experts without rows, one expert with all rows.
TEST(CudaExpert, EveryShapeHasTheReferencesBits) {
  Draw draw(42);
  const Index shapes[][6] = {// T, D, F, E, K, first expert that is chosen
                             {0, 4, 4, 2, 1, 0},      {1, 1, 1, 1, 1, 0},   {2, 3, 5, 2, 2, 0},
                             {7, 31, 33, 8, 2, 0},    {33, 5, 64, 4, 3, 0}, {31, 33, 65, 16, 4, 9},
                             {127, 7, 130, 4, 2, 1},  {200, 12, 9, 3, 1, 2}, {64, 127, 31, 5, 2, 0},
                             {9, 16, 63, 256, 8, 100}, {3, 2, 3, 1000, 5, 0}};
  for (const auto& [T, D, F, E, K, first] : shapes)
    for (const bool gated : {true, false}) {
      const Experts experts = make_experts(draw, {.gated = gated}, E, F, D, T % 2 == 1);
      const Routing routing = make_routing(draw, T, E, K, first, WeightOn::output);
      expect_same_outputs(experts, routing, draw.matrix(T, D),
                          fmt::format("T={} D={} F={} E={} K={} gated={}", T, D, F, E, K, gated));
    }
}

// Some networks with biases, some without: those start from +0.
TEST(CudaExpert, BiasesMayBeMissing) {
  Draw draw(43);
  Experts experts = make_experts(draw, {}, 4, 6, 5, true);
  experts.ffn[1].gate_bias = experts.ffn[2].up_bias = experts.ffn[3].down_bias = Vector();
  const Routing routing = make_routing(draw, 20, 4, 2, 0, WeightOn::output);
  expect_same_outputs(experts, routing, draw.matrix(20, 5), "mixed biases");
  const Experts back = cuda::unpack(cuda::prepare(experts));
  for (std::size_t e = 0; e < 4; e++) {
    EXPECT_TRUE(same_bits(experts.ffn[e].gate, back.ffn[e].gate));
    EXPECT_TRUE(same_bits(experts.ffn[e].up, back.ffn[e].up));
    EXPECT_TRUE(same_bits(experts.ffn[e].down, back.ffn[e].down));
    EXPECT_TRUE(same_bits(experts.ffn[e].gate_bias, back.ffn[e].gate_bias));
    EXPECT_TRUE(same_bits(experts.ffn[e].up_bias, back.ffn[e].up_bias));
    EXPECT_TRUE(same_bits(experts.ffn[e].down_bias, back.ffn[e].down_bias));
  }
}

TEST(CudaExpert, HiddenValuesOfOneNetwork) {
  Draw draw(44);
  const Experts experts = make_experts(draw, {}, 1, 70, 11, true);
  const Matrix x = draw.matrix(19, 11);
  const Matrix expected = reference::hidden_values(experts.activation, experts.ffn[0], x);
  EXPECT_TRUE(same_bits(expected, cuda::hidden_values(cuda::prepare(experts), x)));
}

TEST(CudaExpert, RefusesNetworksOfDifferentShapes) {
  Draw draw(45);
  Experts experts = make_experts(draw, {}, 2, 6, 5, false);
  experts.ffn[1].up = draw.matrix(7, 5);
  EXPECT_THROW(cuda::prepare(experts), Error);
}

}  // namespace
}  // namespace moe::test
