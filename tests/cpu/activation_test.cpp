// cpu::nonlinearity and cpu::gated_activation against the reference, bit for bit.
#include "cpu/activation.h"

#include <limits>
#include <vector>

#include "reference/activation.h"
#include "tests/cpu/support.h"

namespace moe::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Numbers of every size, and all special ones.
std::vector<float> inputs(Draw& draw, Index n) {
  const float special[] = {0.0F,       -0.0F, NAN,   kInfinity, -kInfinity, 0x1p-149F,
                           -0x1p-149F, 7.0F,  -7.0F, 0x1p127F,  -0x1p127F,  88.5F};
  std::vector<float> x;
  for (Index i = 0; i < n; i++)
    x.push_back(i % 5 == 4   ? special[draw.word() % std::size(special)]
                : i % 5 == 3 ? numerics::from_bits(draw.word())
                             : draw.number(4));
  return x;
}

std::vector<Activation> activations() {
  std::vector<Activation> all;
  for (const Nonlinearity function : kNonlinearities)
    for (const float limit : {kInfinity, 7.0F, 0.0F})
      for (const float offset : {0.0F, 1.0F})
        all.push_back({.function = function,
                       .limit = limit,
                       .slope = function == Nonlinearity::swish ? 1.702F : 1.0F,
                       .up_offset = offset});
  return all;
}

TEST(CpuActivation, NonlinearityHasTheReferencesBits) {
  Draw draw(11);
  for (const Activation& activation : activations())
    for (const Index n : {0, 1, 2, 3, 5, 7, 31, 33, 127, 1000}) {
      const std::vector<float> x = inputs(draw, n);
      std::vector<float> expected, found(x.size(), -1.0F);
      for (const float v : x) expected.push_back(reference::nonlinearity(activation, v));
      cpu::nonlinearity(activation, x.data(), found.data(), n);
      ASSERT_TRUE(same_bits(expected, found)) << int(activation.function) << " n=" << n;
      std::vector<float> in_place(x);
      cpu::nonlinearity(activation, in_place.data(), in_place.data(), n);
      ASSERT_TRUE(same_bits(expected, in_place)) << int(activation.function) << " n=" << n;
    }
}

TEST(CpuActivation, GatedFormHasTheReferencesBits) {
  Draw draw(12);
  for (const Activation& activation : activations())
    for (const Index n : {0, 1, 2, 3, 5, 7, 31, 33, 127, 1000}) {
      const std::vector<float> gate = inputs(draw, n), up = inputs(draw, n);
      std::vector<float> expected, found(gate.size(), -1.0F);
      for (std::size_t i = 0; i < gate.size(); i++)
        expected.push_back(reference::gated_activation(activation, gate[i], up[i]));
      cpu::gated_activation(activation, gate.data(), up.data(), found.data(), n);
      const auto name = fmt::format("function {} limit {} offset {} n={}", int(activation.function),
                                    activation.limit, activation.up_offset, n);
      ASSERT_TRUE(same_bits(expected, found)) << name;
      std::vector<float> in_place(up);
      cpu::gated_activation(activation, gate.data(), in_place.data(), in_place.data(), n);
      ASSERT_TRUE(same_bits(expected, in_place)) << name;
      in_place = gate;
      cpu::gated_activation(activation, in_place.data(), up.data(), in_place.data(), n);
      ASSERT_TRUE(same_bits(expected, in_place)) << name;
    }
}

}  // namespace
}  // namespace moe::test
