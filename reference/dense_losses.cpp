#include "reference/dense_losses.h"

#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"
#include "reference/losses.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {
namespace {

// |target - row|^2
float squared_distance(const ConstMatrix& outputs, Index i,
                       const Vector& target) {
  float sum = 0;
  for (Index j = 0; j < target.size(); j++) {
    const float difference = target[j] - outputs(i, j);
    sum = std::fma(difference, difference, sum);
  }
  return sum;
}

// |target - sum over i of p_i o_i|^2
float squared_distance_of_blend(const std::vector<float>& gate,
                                const ConstMatrix& outputs,
                                const Vector& target) {
  float sum = 0;
  for (Index j = 0; j < target.size(); j++) {
    float blend = 0;
    for (Index i = 0; i < outputs.rows(); i++)
      blend = std::fma(gate[std::size_t(i)], outputs(i, j), blend);
    const float difference = target[j] - blend;
    sum = std::fma(difference, difference, sum);
  }
  return sum;
}

}  // namespace

MixtureLosses mixture_losses(const std::vector<float>& gate,
                             const ConstMatrix& outputs,
                             const Vector& target) {
  const Index E = outputs.rows();
  if (E < 1 || static_cast<Index>(gate.size()) != E ||
      outputs.cols() != target.size())
    throw Error(fmt::format("mixture losses: gate has {} values, outputs are "
                            "[{},{}], target has {}; expected E, [E,O] and O",
                            gate.size(), E, outputs.cols(), target.size()));
  MixtureLosses losses;
  losses.cooperative = squared_distance_of_blend(gate, outputs, target);
  std::vector<float> a;  // log p_i - err_i / 2
  for (Index i = 0; i < E; i++) {
    const float error = squared_distance(outputs, i, target);
    const float p = gate[std::size_t(i)];
    losses.competitive = std::fma(p, error, losses.competitive);
    a.push_back(numerics::log(p) - error / 2);
  }
  losses.mixture = -log_sum_exp(a);
  losses.posterior = softmax(a);
  return losses;
}

}  // namespace moe::reference
