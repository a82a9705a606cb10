// Runs one Mixtral layer on two tiers and says whether they agree, through the installed headers and libraries alone.
#include <cstdio>

#include "cpu/sparse.h"
#include "reference/numerics/fingerprint.h"
#include "reference/presets.h"
#include "reference/sparse.h"

namespace {

// Any numbers will do; these repeat with a period that divides no size here.
moe::Matrix filled(moe::Index rows, moe::Index cols, int salt) {
  moe::Matrix m(rows, cols);
  for (moe::Index i = 0; i < m.size(); i++) m.data()[i] = float((i * 37 + salt) % 101 - 50) / 64;
  return m;
}

std::uint64_t fingerprint(const moe::Matrix& m) {
  return moe::numerics::fingerprint(std::span(m.data(), std::size_t(m.size())));
}

}  // namespace

int main() {
  const moe::Index T = 9, D = 20, F = 36, E = 8;
  moe::SparseLayer layer;
  layer.router.config = moe::preset("mixtral").router;
  layer.router.weight = filled(E, D, 1);
  for (int e = 0; e < E; e++)
    layer.experts.ffn.push_back({.gate = filled(F, D, 3 * e + 2), .up = filled(F, D, 3 * e + 3), .down = filled(D, F, 3 * e + 4)});
  const moe::Matrix x = filled(T, D, 0);

  const std::uint64_t expected = fingerprint(moe::reference::sparse(layer, x));
  const std::uint64_t found = fingerprint(moe::cpu::sparse(moe::cpu::prepare(layer), x));
  std::printf("reference %016llx\ncpu       %016llx\n", (unsigned long long)expected, (unsigned long long)found);
  return expected == found ? 0 : 1;
}
