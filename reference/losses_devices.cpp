// Balance between groups of experts: devices, links, and LongCat's groups.
#include <cmath>
#include <string>

#include "reference/error.h"
#include "reference/losses.h"

namespace moe::reference {

namespace {

// Experts of a device.
Index experts_per_device(Index E, Index devices) {
  if (devices < 1 || E < devices || E % devices != 0)
    throw Error("losses: expected devices that divide " + std::to_string(E) +
                " experts, found " + std::to_string(devices));
  return E / devices;
}

float sum_of(const Vector& v, Index first, Index count) {
  float sum = 0;
  for (Index i = first; i < first + count; i++) sum = sum + v[i];
  return sum;
}

Index sum_of(const Counts& n, Index first, Index count) {
  Index sum = 0;
  for (Index i = first; i < first + count; i++)
    sum += n[static_cast<std::size_t>(i)];
  return sum;
}

}  // namespace

float device_loss(const Vector& f, const Vector& P, Index devices,
                  float alpha) {
  if (f.size() != P.size())
    throw Error("losses: load has " + std::to_string(f.size()) +
                " experts, mean scores " + std::to_string(P.size()));
  const Index size = experts_per_device(f.size(), devices);
  float sum = 0;
  for (Index d = 0; d < devices; d++) {
    const float f_d = sum_of(f, d * size, size) / static_cast<float>(size);
    const float P_d = sum_of(P, d * size, size);
    sum = std::fma(f_d, P_d, sum);
  }
  return alpha * sum;
}

float communication_loss(const IntMatrix& selected, const Vector& P,
                         Index devices, Index limit, float alpha) {
  const Index T = selected.rows();
  const Index size = experts_per_device(P.size(), devices);
  counts(selected, P.size());  // refuses experts that do not exist
  if (limit < 1 || limit > devices)
    throw Error("losses: expected a limit of 1 .. " +
                std::to_string(devices) + " devices, found " +
                std::to_string(limit));
  float sum = 0;
  for (Index d = 0; d < devices && T > 0; d++) {
    Index sent = 0;  // tokens with an expert on device d
    for (Index t = 0; t < T; t++) {
      bool visits = false;
      for (Index k = 0; k < selected.cols(); k++)
        visits |= selected(t, k) >= 0 && selected(t, k) / size == d;
      sent += visits ? 1 : 0;
    }
    const float f_d =
        static_cast<float>(devices * sent) / static_cast<float>(limit * T);
    sum = std::fma(f_d, sum_of(P, d * size, size), sum);
  }
  return alpha * sum;
}

float longcat_loss(const LongCat& sizes, const Counts& n, const Vector& P,
                   Index tokens, float alpha) {
  const Index N = sizes.real;
  const Index E = P.size();
  const Index size = experts_per_device(N, sizes.devices);
  const Index zero_chosen = sizes.chosen - sizes.real_chosen;
  if (E < N || static_cast<Index>(n.size()) != E || sizes.real_chosen < 1 ||
      zero_chosen < 0 || (zero_chosen == 0) != (E == N) || tokens < 0)
    throw Error("losses: LongCat: K=" + std::to_string(sizes.chosen) + ", " +
                std::to_string(sizes.real_chosen) + " of them real, does not" +
                " fit " + std::to_string(N) + " real of " +
                std::to_string(E) + " experts, counts of " +
                std::to_string(n.size()));
  if (tokens == 0) return 0;
  float sum = 0;
  for (Index j = 0; j < sizes.devices; j++) {
    const Index picks = sum_of(n, j * size, size);
    const float f_j = static_cast<float>(sizes.devices * picks) /
                      static_cast<float>(sizes.real_chosen * tokens);
    sum = std::fma(f_j, sum_of(P, j * size, size), sum);
  }
  if (E > N) {
    const float f_zero = static_cast<float>(sum_of(n, N, E - N)) /
                         static_cast<float>(zero_chosen * tokens);
    sum = std::fma(f_zero, sum_of(P, N, E - N), sum);
  }
  return alpha * sum;
}

}  // namespace moe::reference
