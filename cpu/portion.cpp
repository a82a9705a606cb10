#include "cpu/portion.h"

#include <algorithm>

namespace moe::cpu {

Index portion_count(const PreparedExperts& experts, const Dispatch& dispatch, Index D) {
  constexpr Index share = 44;            // of the weights' bytes that outputs may take ...
  constexpr Index few_bytes = 4 << 20;   // ... or so many, which are worth no cut,
  constexpr Index rows_of_expert = 80;   // if about so many make up for reading its weights again
  const auto E = static_cast<Index>(experts.ffn.size());
  const auto rows = static_cast<Index>(dispatch.tokens.size());
  const Index most_bytes = std::max(bytes(experts) / share, few_bytes);
  const Index wanted = (rows * D * static_cast<Index>(sizeof(float)) + most_bytes - 1) / most_bytes;
  const Index enough = rows_of_expert * std::max<Index>(1, E);
  return std::max<Index>(1, std::min(wanted, (rows + enough / 2) / enough));
}

Portion portion(const Routing& routing, const Dispatch& dispatch, Index first, Index last) {
  const Index n = last - first;
  const std::size_t E = dispatch.offsets.size() - 1;
  Portion part{.first = first,
               .tokens = n,
               .routing = {.selected = {},
                           .weights = routing.weights.middleRows(first, n),
                           .chosen_scores = {},
                           .weight_on = routing.weight_on},
               .dispatch = {.offsets = {0},
                            .tokens = {},
                            .slots = {},
                            .positions = IntMatrix::Constant(n, dispatch.positions.cols(), -1)},
               .begins = {}};
  Dispatch& own = part.dispatch;
  for (std::size_t e = 0; e < E; e++) {
    const auto begin = dispatch.tokens.begin();
    const auto end = begin + dispatch.offsets[e + 1];
    auto row = std::lower_bound(begin + dispatch.offsets[e], end, first);
    part.begins.push_back(row - begin);
    for (; row != end && *row < last; ++row) {
      const Index slot = dispatch.slots[static_cast<std::size_t>(row - begin)];
      own.positions(*row - first, slot) = static_cast<std::int32_t>(own.tokens.size());
      own.tokens.push_back(*row - first);
      own.slots.push_back(slot);
    }
    own.offsets.push_back(static_cast<Index>(own.tokens.size()));
  }
  return part;
}

}  // namespace moe::cpu
