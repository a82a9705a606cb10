// Parameters: all of them, and those one token meets, by three conventions.
//
//   total  the whole model; MTP apart
//   C1     everything but the routed experts that a token does not choose
//   C2     C1 without the embedding table (a tied table is the head: C2 = C1)
//   C3     C2 without the head
//
// No convention is common: publications use all three, and none says which.
#pragma once
#include <array>

#include "reference/accounting/weights.h"

namespace moe::accounting {

/// Stored, and met by one token.
struct Count {
  Index total = 0;   ///< stored
  Index active = 0;  ///< met by one token, by C1
};

/// The parameters of a model. Of an encoder and a decoder, one token of each.
struct Counts {
  std::array<Count, kComponents> components;  ///< by Component
  Index total = 0;                            ///< without MTP
  Index c1 = 0;                               ///< active, see above
  Index c2 = 0;                               ///< active, see above
  Index c3 = 0;                               ///< active, see above
  Index mtp = 0;           ///< of the MTP modules, what they share left out
  Index mtp_stored = 0;    ///< the same, with what is stored twice
  Index routed_least = 0;  ///< routed parameters if every choice that can be
                           ///< a zero expert is one
  Index routed_most = 0;   ///< and if none is
  /// One component.
  const Count& operator[](Component c) const {
    return components[static_cast<std::size_t>(c)];
  }
};

/// Counts. Throws Error for what is beyond 2^63 - 1.
Counts count(const Model& model);

}  // namespace moe::accounting
