// Who takes a place first, as integers.
//
// Every pair of token and slot of a group gets two words, and no two pairs get
// the same two; the pair with the smaller words goes first. As with
// top_k_key.h, any correct algorithm then makes the same line.
#pragma once
#include "reference/numerics/top_k_key.h"

namespace moe::numerics {

/// Two words, the first compared first.
struct PlaceInLine {
  std::uint64_t first;  ///< compared before
  std::uint64_t then;   ///< compared where `first` is equal
};

/// Does a go before b?
MOE_FN bool goes_before(const PlaceInLine& a, const PlaceInLine& b) {
  return a.first != b.first ? a.first < b.first : a.then < b.then;
}

/// Priority::choice: by slot, then by token.
MOE_FN PlaceInLine by_choice(std::uint32_t token, std::uint32_t slot) {
  return {slot, token};
}

/// Priority::token: by token, then by slot.
MOE_FN PlaceInLine by_token(std::uint32_t token, std::uint32_t slot) {
  return {token, slot};
}

/// Priority::score: the largest score of the pair's expert, then by token.
MOE_FN PlaceInLine by_score(std::uint32_t token, std::uint32_t slot,
                            float score) {
  return {~top_k_key(score, token), slot};
}

/// Priority::confidence: by slot, then the largest score of the token's first
/// choice, then by token.
MOE_FN PlaceInLine by_confidence(std::uint32_t token, std::uint32_t slot,
                                 float first_score) {
  return {slot, ~top_k_key(first_score, token)};
}

}  // namespace moe::numerics
