#include "cpu/outline.h"

#include <bit>
#include <cstdint>

namespace moe::cpu {

Router without_weights(const Router& router) {
  Router outline;
  outline.config = router.config;
  outline.weight.resize(0, router.weight.cols());
  return outline;
}

Experts without_weights(const Experts& experts) {
  Experts outline{experts.activation, std::vector<Ffn>(experts.ffn.size()), experts.identities};
  outline.ffn[0].up.resize(experts.ffn[0].up.rows(), 0);
  return outline;
}

// Reads exponents, which vectorises.
bool all_finite(const ConstMatrix& x) {
  std::uint32_t infinite = 0;
  for (Index t = 0; t < x.rows(); t++) {
    const float* row = x.data() + t * x.outerStride();
    for (Index d = 0; d < x.cols(); d++) {
      const auto magnitude = std::bit_cast<std::uint32_t>(row[d]) & 0x7fffffffU;
      infinite |= static_cast<std::uint32_t>(magnitude >= 0x7f800000U);
    }
  }
  return infinite == 0;
}

}  // namespace moe::cpu
