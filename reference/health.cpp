// Health of the decisions: entropy, and what capacity drops.
#include "reference/health.h"

#include <cmath>
#include <string>

#include "reference/error.h"
#include "reference/numerics/elementary.h"

namespace moe::reference {

float entropy_of(const Vector& p) {
  float sum = 0;
  for (Index e = 0; e < p.size(); e++)
    if (p[e] != 0) sum = std::fma(p[e], numerics::log(p[e]), sum);
  return 0 - sum;
}

Entropy entropy(const ConstMatrix& p) {
  const Index T = p.rows();
  const Index E = p.cols();
  require(E > 0, "health: entropy: expected at least 1 expert, found 0");
  Entropy h;
  if (T == 0) return h;
  float sum = 0;
  for (Index t = 0; t < T; t++) sum = sum + entropy_of(p.row(t).transpose());
  h.mean = sum / static_cast<float>(T);
  if (E > 1) h.relative = h.mean / numerics::log(static_cast<float>(E));
  h.of_mean = entropy_of(mean_scores(p, T));
  return h;
}

Drops drops(const IntMatrix& selected, const IntMatrix& positions) {
  const Index T = selected.rows();
  const Index K = selected.cols();
  if (positions.rows() != T || positions.cols() != K)
    throw Error("health: drops: selected is [" + std::to_string(T) + "," +
                std::to_string(K) + "], positions is [" +
                std::to_string(positions.rows()) + "," +
                std::to_string(positions.cols()) + "]");
  Drops d;
  for (Index t = 0; t < T; t++) {
    Index chosen = 0;
    Index dropped = 0;
    for (Index k = 0; k < K; k++) {
      if (selected(t, k) < 0 && positions(t, k) >= 0)
        throw Error("health: drops: token " + std::to_string(t) + ", slot " +
                    std::to_string(k) + ": expected no place without an " +
                    "expert, found " + std::to_string(positions(t, k)));
      if (selected(t, k) < 0) continue;
      chosen++;
      if (positions(t, k) < 0) dropped++;
    }
    d.chosen += chosen;
    d.dropped += dropped;
    if (chosen > 0 && dropped == chosen) d.tokens_lost++;
  }
  if (d.chosen > 0)
    d.rate = static_cast<float>(d.dropped) / static_cast<float>(d.chosen);
  if (T > 0)
    d.lost_fraction =
        static_cast<float>(d.tokens_lost) / static_cast<float>(T);
  return d;
}

}  // namespace moe::reference
