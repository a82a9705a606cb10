#include "check/error_arithmetic.h"

#include <algorithm>

namespace moe::check {
namespace {

double exact_sigmoid(double x) {
  const double t = std::exp(-std::fabs(x));
  return x < 0 ? t / (1 + t) : 1 / (1 + t);
}

// How far f moves if its argument moves by at most x.error and |f'| <= slope there. 0 * infinity is
// 0.
double moved_by(const Approx& x, double slope) {
  return x.error == 0 ? 0 : slope * x.error;
}

}  // namespace

Approx add(const Approx& a, const Approx& b) {
  return rounded(a.value + b.value, a.error + b.error, false);
}

Approx subtract(const Approx& a, const Approx& b) {
  return rounded(a.value - b.value, a.error + b.error, false);
}

Approx multiply(const Approx& a, const Approx& b) {
  const double moved =
      moved_by(b, std::fabs(a.value)) + moved_by(a, std::fabs(b.value)) + moved_by(a, b.error);
  return rounded(a.value * b.value, moved);
}

Approx divide(const Approx& a, const Approx& b) {
  const double least = std::fabs(b.value) - b.error;
  const double quotient = a.value / b.value;
  if (!(least > 0)) return {quotient, std::numeric_limits<double>::infinity()};
  return rounded(quotient, (a.error + moved_by(b, std::fabs(quotient))) / least);
}

Approx square_root(const Approx& a) {
  const double root = std::sqrt(a.value);
  double moved = std::sqrt(a.error);
  if (root > 0) moved = std::min(moved, a.error / root);
  return rounded(root, moved, false);
}

Approx fused_multiply_add(const Approx& a, const Approx& b, const Approx& sum) {
  const double moved = sum.error + moved_by(b, std::fabs(a.value)) +
                       moved_by(a, std::fabs(b.value)) + moved_by(a, b.error);
  return rounded(std::fma(a.value, b.value, sum.value), moved);
}

Approx sigmoid(const Approx& x) {
  const double slope =
      std::min({0.25, exact_sigmoid(x.value + x.error), exact_sigmoid(x.error - x.value)});
  return rounded(exact_sigmoid(x.value), moved_by(x, slope));
}

Approx softplus(const Approx& x) {
  const double value = std::max(x.value, 0.0) + std::log1p(std::exp(-std::fabs(x.value)));
  return rounded(value, moved_by(x, exact_sigmoid(x.value + x.error)));
}

Approx nonlinearity(const Activation& activation, const Approx& x) {
  const double v = x.value;
  switch (activation.function) {
    case Nonlinearity::identity:
      return x;
    case Nonlinearity::relu:
      return {std::max(v, 0.0), x.error};
    case Nonlinearity::relu_squared: {
      const Approx positive{std::max(v, 0.0), x.error};
      return multiply(positive, positive);
    }
    case Nonlinearity::gelu: {
      const double value = 0.5 * v * std::erfc(-v * 0x1.6a09e667f3bcdp-1);  // sqrt(1/2)
      return rounded(value, moved_by(x, 1.129));
    }
    case Nonlinearity::gelu_tanh: {
      const double root = 0x1.9884533d43651p-1;  // sqrt(2/pi)
      const double z = root * (v + 0.044715 * v * v * v);
      return rounded(v * exact_sigmoid(2 * z), moved_by(x, 1.13));
    }
    case Nonlinearity::silu: {
      const double tail = exact_sigmoid(v + x.error) * (1 + std::fabs(v) + x.error);
      return rounded(v * exact_sigmoid(v), moved_by(x, std::min(1.1, tail)));
    }
    case Nonlinearity::swish:
      return multiply(x, sigmoid(multiply(exactly(activation.slope), x)));
  }
  return {v, std::numeric_limits<double>::infinity()};
}

Approx gated_activation(const Activation& activation, const Approx& gate, const Approx& up) {
  const double limit = static_cast<double>(activation.limit);
  const Approx g{std::min(gate.value, limit), gate.error};
  Approx u{std::max(-limit, std::min(up.value, limit)), up.error};
  if (activation.up_offset != 0) u = add(u, exactly(activation.up_offset));
  return multiply(nonlinearity(activation, g), u);
}

}  // namespace moe::check
