#include "reference/activation.h"

#include "reference/numerics/elementary.h"

namespace moe::reference {

float nonlinearity(const Activation& activation, float x) {
  switch (activation.function) {
    case Nonlinearity::identity:
      return x;
    case Nonlinearity::relu:
      return x > 0 || x != x ? x : 0.0F;
    case Nonlinearity::relu_squared: {
      const float positive = x > 0 || x != x ? x : 0.0F;
      return positive * positive;
    }
    case Nonlinearity::gelu:
      return numerics::gelu(x);
    case Nonlinearity::gelu_tanh:
      return numerics::gelu_tanh(x);
    case Nonlinearity::silu:
      return numerics::silu(x);
    case Nonlinearity::swish:
      return x * numerics::sigmoid(activation.slope * x);
  }
  return x;
}

float gated_activation(const Activation& activation, float gate, float up) {
  const float limit = activation.limit;
  const float g = gate > limit ? limit : gate;
  const float u = up > limit ? limit : up < -limit ? -limit : up;
  const float activated = nonlinearity(activation, g);
  if (activation.up_offset == 0) return activated * u;
  const float shifted = u + activation.up_offset;
  return activated * shifted;
}

}  // namespace moe::reference
