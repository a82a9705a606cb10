// Checks a layer's shapes and choices before anything is computed.
#include "reference/layer.h"

#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"

namespace moe {
namespace {

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

void expect_finite(const std::string& name, const float* values, Index cols,
                   Index size) {
  for (Index i = 0; i < size; i++)
    if (!std::isfinite(values[i]))
      throw Error(fmt::format("{} holds {} at [{},{}], expected a finite "
                              "number", name, values[i], i / cols, i % cols));
}

void expect_finite(const std::string& name, const Matrix& m) {
  expect_finite(name, m.data(), m.cols(), m.size());
}

void expect_finite(const std::string& name, const Vector& v) {
  expect_finite(name, v.data(), 1, v.size());
}

// Shapes of one network, [F,D] and [D,F], and its numbers.
void validate_ffn(const std::string& name, const Ffn& ffn, bool gated,
                  Index F, Index D, bool finite) {
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

void validate_groups(const GroupLimit& groups, Index E, Index K) {
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

void validate_router(const Router& router, Index E, bool finite) {
  const Index K = router.config.chosen;
  if (K < 1 || K > E)
    throw Error(fmt::format("router chooses K={} of E={} experts, expected 1 "
                            "to {}", K, E, E));
  validate_groups(router.config.groups, E, K);
  expect_length("router.bias", router.bias, E);
  const bool biased = router.config.key == SelectionKey::score_plus_bias;
  if (biased && router.selection_bias.size() == 0)
    throw Error(fmt::format("router.selection_bias is missing, expected {} "
                            "values", E));
  expect_length("router.selection_bias", router.selection_bias,
                biased ? E : 0);
  if (!finite) return;
  expect_finite("router.weight", router.weight);
  expect_finite("router.bias", router.bias);
  expect_finite("router.selection_bias", router.selection_bias);
}

}  // namespace

LayerSizes sizes(const SparseLayer& layer) {
  const auto E = static_cast<Index>(layer.experts.ffn.size());
  return {.experts = E,
          .width = layer.router.weight.cols(),
          .hidden = E == 0 ? 0 : layer.experts.ffn[0].up.rows(),
          .chosen = layer.router.config.chosen,
          .shared_hidden = layer.shared ? layer.shared->ffn.up.rows() : 0};
}

void validate(const SparseLayer& layer) {
  const LayerSizes size = sizes(layer);
  const Index E = size.experts;
  const Index D = size.width;
  const bool finite = layer.nonfinite == NonFinite::refuse;
  if (E < 1 || D < 1 || size.hidden < 1)
    throw Error(fmt::format("layer has E={} D={} F={}, expected at least 1 "
                            "each", E, D, size.hidden));
  expect_shape("router.weight", layer.router.weight.rows(), D, E, D);
  validate_router(layer.router, E, finite);
  for (Index e = 0; e < E; e++)
    validate_ffn(fmt::format("expert {}", e),
                 layer.experts.ffn[std::size_t(e)],
                 layer.experts.activation.gated, size.hidden, D, finite);
  if (!layer.shared) return;
  const Shared& shared = *layer.shared;
  validate_ffn("shared", shared.ffn, shared.activation.gated,
               size.shared_hidden, D, finite);
  if (shared.gate.size() != 0)
    expect_shape("shared.gate", shared.gate.rows(), shared.gate.cols(), 1, D);
  if (finite) expect_finite("shared.gate", shared.gate);
}

void validate_input(const SparseLayer& layer, const ConstMatrix& x) {
  const LayerSizes size = sizes(layer);
  if (x.cols() != size.width)
    throw Error(fmt::format("x is [{},{}], expected [T,{}]", x.rows(),
                            x.cols(), size.width));
  const Index limit = std::numeric_limits<std::int32_t>::max() / size.chosen;
  if (x.rows() > limit)
    throw Error(fmt::format("x has T={} tokens, expected at most {} with K={}",
                            x.rows(), limit, size.chosen));
  if (layer.nonfinite == NonFinite::allow) return;
  for (Index t = 0; t < x.rows(); t++)
    for (Index d = 0; d < x.cols(); d++)
      if (!std::isfinite(x(t, d)))
        throw Error(fmt::format("x holds {} at token {}, column {}; expected "
                                "a finite number", x(t, d), t, d));
}

}  // namespace moe
