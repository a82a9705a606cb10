#include "reference/layer_checks.h"

#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"

namespace moe::checks {
namespace {

void expect_all_finite(const std::string& name, const float* values,
                       Index cols, Index size) {
  for (Index i = 0; i < size; i++)
    if (!std::isfinite(values[i]))
      throw Error(fmt::format("{} holds {} at [{},{}], expected a finite "
                              "number", name, values[i], i / cols, i % cols));
}

void expect_groups(const GroupLimit& groups, Index E, Index K) {
  if (groups.count < 1 || groups.kept < 1 || groups.kept > groups.count)
    throw Error(fmt::format("router keeps {} of {} groups, expected 1 to {}",
                            groups.kept, groups.count, groups.count));
  if (E % groups.count != 0)
    throw Error(fmt::format("router has {} groups, which do not divide E={}",
                            groups.count, E));
  const Index reachable = E / groups.count * groups.kept;
  if (reachable < K)
    throw Error(fmt::format("router keeps {} of {} groups of {} experts: only "
                            "{} can be chosen, expected at least K={}",
                            groups.kept, groups.count, E / groups.count,
                            reachable, K));
}

}  // namespace

void expect_shape(const std::string& name, Index rows, Index cols,
                  Index expected_rows, Index expected_cols) {
  if (rows != expected_rows || cols != expected_cols)
    throw Error(fmt::format("{} is [{},{}], expected [{},{}]", name, rows,
                            cols, expected_rows, expected_cols));
}

void expect_length(const std::string& name, const Vector& v, Index length) {
  if (v.size() != 0 && v.size() != length)
    throw Error(fmt::format("{} has {} values, expected {} or none", name,
                            v.size(), length));
}

void expect_finite(const std::string& name, const Matrix& m) {
  expect_all_finite(name, m.data(), m.cols(), m.size());
}

void expect_finite(const std::string& name, const Vector& v) {
  expect_all_finite(name, v.data(), 1, v.size());
}

// Shapes of one network, [F,D] and [D,F], and its numbers.
void expect_ffn(const std::string& name, const Ffn& ffn, bool gated, Index F,
                Index D, bool finite) {
  if (gated)
    expect_shape(name + ".gate", ffn.gate.rows(), ffn.gate.cols(), F, D);
  else
    expect_shape(name + ".gate", ffn.gate.rows(), ffn.gate.cols(), 0, 0);
  expect_shape(name + ".up", ffn.up.rows(), ffn.up.cols(), F, D);
  expect_shape(name + ".down", ffn.down.rows(), ffn.down.cols(), D, F);
  expect_length(name + ".gate_bias", ffn.gate_bias, gated ? F : 0);
  expect_length(name + ".up_bias", ffn.up_bias, F);
  expect_length(name + ".down_bias", ffn.down_bias, D);
  if (!finite) return;
  expect_finite(name + ".gate", ffn.gate);
  expect_finite(name + ".up", ffn.up);
  expect_finite(name + ".down", ffn.down);
  expect_finite(name + ".gate_bias", ffn.gate_bias);
  expect_finite(name + ".up_bias", ffn.up_bias);
  expect_finite(name + ".down_bias", ffn.down_bias);
}

void expect_router(const std::string& name, const Router& router, Index E,
                   Index D, bool finite) {
  expect_shape(name + ".weight", router.weight.rows(), router.weight.cols(), E,
               D);
  const Index K = router.config.chosen;
  if (K < 1 || K > E)
    throw Error(fmt::format("{} chooses K={} of E={} experts, expected 1 to "
                            "{}", name, K, E, E));
  expect_groups(router.config.groups, E, K);
  expect_length(name + ".bias", router.bias, E);
  const bool biased = router.config.key == SelectionKey::score_plus_bias;
  if (biased && router.selection_bias.size() == 0)
    throw Error(fmt::format("{}.selection_bias is missing, expected {} values",
                            name, E));
  expect_length(name + ".selection_bias", router.selection_bias,
                biased ? E : 0);
  if (!finite) return;
  expect_finite(name + ".weight", router.weight);
  expect_finite(name + ".bias", router.bias);
  expect_finite(name + ".selection_bias", router.selection_bias);
}

void expect_experts(const Experts& experts, Index D, bool finite) {
  const auto E = static_cast<Index>(experts.ffn.size());
  const Index F = E == 0 ? 0 : experts.ffn[0].up.rows();
  if (E < 1 || D < 1 || F < 1)
    throw Error(fmt::format("layer has E={} D={} F={}, expected at least 1 "
                            "each", E, D, F));
  for (Index e = 0; e < E; e++)
    expect_ffn(fmt::format("expert {}", e), experts.ffn[std::size_t(e)],
               experts.activation.gated, F, D, finite);
}

void expect_shared(const Shared& shared, Index D, bool finite) {
  expect_ffn("shared", shared.ffn, shared.activation.gated,
             shared.ffn.up.rows(), D, finite);
  if (shared.gate.size() != 0)
    expect_shape("shared.gate", shared.gate.rows(), shared.gate.cols(), 1, D);
  if (finite) expect_finite("shared.gate", shared.gate);
}

void expect_capacity(const std::string& name, const Capacity& capacity) {
  if (capacity.places < 0 || capacity.group < 0)
    throw Error(fmt::format("{} has {} places for groups of {} tokens, "
                            "expected neither to be negative", name,
                            capacity.places, capacity.group));
  if (capacity.after == Normalisation::l2)
    throw Error(fmt::format("{} divides what is left by its l2 norm, expected "
                            "none, sum or max_sum", name));
  if (!(capacity.factor > 0) || !std::isfinite(capacity.factor))
    throw Error(fmt::format("{} has factor {}, expected a positive number",
                            name, capacity.factor));
}

void expect_input(const ConstMatrix& x, Index D, Index K, Index group,
                  bool finite) {
  if (x.cols() != D)
    throw Error(fmt::format("x is [{},{}], expected [T,{}]", x.rows(),
                            x.cols(), D));
  const Index limit = std::numeric_limits<std::int32_t>::max() / K;
  if (x.rows() > limit)
    throw Error(fmt::format("x has T={} tokens, expected at most {} with K={}",
                            x.rows(), limit, K));
  if (group > 0 && x.rows() % group != 0)
    throw Error(fmt::format("x has T={} tokens, expected whole groups of {}",
                            x.rows(), group));
  if (!finite) return;
  for (Index t = 0; t < x.rows(); t++)
    for (Index d = 0; d < x.cols(); d++)
      if (!std::isfinite(x(t, d)))
        throw Error(fmt::format("x holds {} at token {}, column {}; expected "
                                "a finite number", x(t, d), t, d));
}

}  // namespace moe::checks
