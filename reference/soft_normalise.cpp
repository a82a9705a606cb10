// Soft MoE, first part: what makes tokens and slots comparable.
#include <cmath>

#include "reference/linear.h"
#include "reference/soft.h"

namespace moe::reference {
namespace {

// Rows divided by sqrt(row . row + 1e-6).
Matrix by_l2(const ConstMatrix& m) {
  Matrix result(m.rows(), m.cols());
  for (Index r = 0; r < m.rows(); r++) {
    const float* row = m.data() + r * m.outerStride();
    const float length =
        std::sqrt(inner_product(row, row, m.cols(), 0) + 1e-6F);
    for (Index d = 0; d < m.cols(); d++) result(r, d) = row[d] / length;
  }
  return result;
}

// Rows divided by max(|row|, 1e-12), times sqrt(D), times gamma.
Matrix by_rms(const ConstMatrix& m, const Vector& gamma) {
  const float root = std::sqrt(static_cast<float>(m.cols()));
  Matrix result(m.rows(), m.cols());
  for (Index r = 0; r < m.rows(); r++) {
    const float* row = m.data() + r * m.outerStride();
    const float norm = std::sqrt(inner_product(row, row, m.cols(), 0));
    const float length = norm < 1e-12F ? 1e-12F : norm;
    for (Index d = 0; d < m.cols(); d++)
      result(r, d) = row[d] / length * root * gamma[d];
  }
  return result;
}

}  // namespace

Matrix normalised_tokens(const SoftLayer& layer, const ConstMatrix& x) {
  if (layer.normalisation == SoftNormalisation::l2) return by_l2(x);
  if (layer.normalisation == SoftNormalisation::rms)
    return by_rms(x, layer.token_gamma);
  return x;
}

Matrix normalised_slots(const SoftLayer& layer) {
  if (layer.normalisation == SoftNormalisation::rms)
    return by_rms(layer.phi, layer.slot_gamma);
  if (layer.normalisation == SoftNormalisation::none) return layer.phi;
  Matrix slots = by_l2(layer.phi);
  for (Index p = 0; p < slots.rows(); p++)
    for (Index d = 0; d < slots.cols(); d++)
      slots(p, d) = layer.scale * slots(p, d);
  return slots;
}

}  // namespace moe::reference
