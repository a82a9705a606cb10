// The z-loss keeps logits small; CV^2 measures how uneven a vector is.
#include <cmath>
#include <limits>

#include "reference/error.h"
#include "reference/losses.h"
#include "reference/numerics/elementary.h"

namespace moe::reference {

float log_sum_exp(const std::vector<float>& z) {
  require(!z.empty(), "losses: expected at least 1 logit, found 0");
  float largest = -std::numeric_limits<float>::infinity();
  for (const float z_e : z)
    if (z_e > largest) largest = z_e;

  float sum = 0;
  for (const float z_e : z) sum = sum + numerics::exp(z_e - largest);
  return largest + numerics::log(sum);
}

float z_loss(const ConstMatrix& logits, float coefficient) {
  const Index T = logits.rows();
  const Index E = logits.cols();
  require(E > 0, "losses: expected at least 1 expert, found 0");
  if (T == 0) return 0;
  float sum = 0;
  for (Index t = 0; t < T; t++) {
    std::vector<float> z(static_cast<std::size_t>(E));
    for (Index e = 0; e < E; e++) z[static_cast<std::size_t>(e)] = logits(t, e);
    const float lse = log_sum_exp(z);
    sum = std::fma(lse, lse, sum);
  }
  return coefficient * (sum / static_cast<float>(T));
}

float cv_squared(const Vector& v, Variance variance, float epsilon) {
  const Index E = v.size();
  const Index divisor = variance == Variance::population ? E : E - 1;
  if (divisor < 1) return 0;
  float sum = 0;
  for (Index e = 0; e < E; e++) sum = sum + v[e];
  const float mean = sum / static_cast<float>(E);

  float squares = 0;
  for (Index e = 0; e < E; e++) {
    const float difference = v[e] - mean;
    squares = std::fma(difference, difference, squares);
  }
  const float var = squares / static_cast<float>(divisor);
  if (var == 0) return 0;
  return var / (mean * mean + epsilon);
}

}  // namespace moe::reference
