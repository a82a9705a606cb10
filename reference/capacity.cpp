#include "reference/capacity.h"

#include <algorithm>
#include <cmath>

namespace moe {
namespace {

Index up_to_multiple_of_4(Index n) { return (n + 3) / 4 * 4; }

Index ceiling(Index a, Index b) { return (a + b - 1) / b; }

}  // namespace

Index places(const Capacity& capacity, Index T, Index E, Index K) {
  const double f = capacity.factor;
  const auto real = [](Index n) { return static_cast<double>(n); };
  const auto down = [](double x) { return static_cast<Index>(std::floor(x)); };
  const auto up = [](double x) { return static_cast<Index>(std::ceil(x)); };
  const double even = real(T) * f / real(E);  // rows of one choice, spread out
  const double all = real(T * K) * f / real(E);
  switch (capacity.rule) {
    case CapacityRule::fixed:
      return capacity.places;
    case CapacityRule::mesh:
      return std::max(std::min(T, down(even)), Index{4});
    case CapacityRule::flaxformer:
      return std::max(static_cast<Index>(std::nearbyint(even)), Index{4});
    case CapacityRule::lingvo:
      return up_to_multiple_of_4(std::max(down(even), Index{4}));
    case CapacityRule::vmoe:
      return up_to_multiple_of_4(up(all));
    case CapacityRule::deepspeed:
      return std::max(up(all), Index{4});
    case CapacityRule::megatron:
      return up(all);
    case CapacityRule::megablocks:
      return down(all);
    case CapacityRule::tutel:
      return K * down(f * real(ceiling(T, E)));
    case CapacityRule::fastmoe:
      return up(real(T) * f) * K / E;
    case CapacityRule::nllb:
      return 2 * ceiling(T, E);
    case CapacityRule::maxtext:
      return down(std::max(real(ceiling(T * K, E)) * f, f));
    case CapacityRule::hunyuan:
      return std::max(K, T * K / E);
  }
  return 0;
}

}  // namespace moe
