// Router, first half: what an expert's logit is worth.
#include <cmath>

#include "reference/numerics/elementary.h"
#include "reference/router.h"

namespace moe::reference {

std::vector<float> softmax(const std::vector<float>& z) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const float z_i : z)
    if (z_i > largest) largest = z_i;

  std::vector<float> p(z.size());
  float sum = 0;
  for (std::size_t i = 0; i < z.size(); i++) {
    p[i] = numerics::exp(z[i] - largest);
    sum = sum + p[i];
  }
  for (float& p_i : p) p_i = p_i / sum;
  return p;
}

std::vector<float> scores(Score kind, const std::vector<float>& z) {
  if (kind == Score::softmax) return softmax(z);
  std::vector<float> s(z);
  for (float& s_e : s) {
    if (kind == Score::sigmoid) s_e = numerics::sigmoid(s_e);
    if (kind == Score::sqrt_softplus)
      s_e = std::sqrt(numerics::softplus(s_e));
  }
  return s;
}

}  // namespace moe::reference
