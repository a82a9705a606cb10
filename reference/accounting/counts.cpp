#include "reference/accounting/counts.h"

#include <algorithm>

namespace moe::accounting {
namespace {

// The fewest and the most of its copies that a token can meet. Only zero
// experts make a difference: K picks, at most Z of them nothing.
void add_range(const Weight& w, Counts& counts) {
  if (w.component != Component::routed_experts) return;
  const Index E = w.copies.value();
  const Index zero = w.of - (w.of == 1 ? 1 : E);
  if (zero == 0) {
    counts.routed_least = plus(counts.routed_least, w.active());
    counts.routed_most = plus(counts.routed_most, w.active());
    return;
  }
  const Index least = std::max<Index>(0, w.met - zero);
  const Index most = std::min(w.met, E);
  counts.routed_least =
      plus(counts.routed_least, share(w.total(), least, E));
  counts.routed_most = plus(counts.routed_most, share(w.total(), most, E));
}

}  // namespace

Counts count(const Model& model) {
  Counts counts;
  for (const Weight& w : weights(model)) {
    Count& c = counts.components[static_cast<std::size_t>(w.component)];
    c.total = plus(c.total, w.total());
    c.active = plus(c.active, w.active());
    add_range(w, counts);
  }
  for (const Count& c : counts.components) {
    counts.total = plus(counts.total, c.total);
    counts.c1 = plus(counts.c1, c.active);
  }
  counts.c2 = counts.c1 - counts[Component::embedding].active;
  counts.c3 = counts.c2 - counts[Component::lm_head].active;
  for (const Weight& w : mtp_weights(model))
    counts.mtp = plus(counts.mtp, w.total());
  counts.mtp_stored = counts.mtp;
  if (model.mtp.stored_tables && counts.mtp > 0)
    counts.mtp_stored =
        plus(counts.mtp, times({model.mtp.modules, 2, model.vocabulary,
                                model.width}));
  return counts;
}

}  // namespace moe::accounting
