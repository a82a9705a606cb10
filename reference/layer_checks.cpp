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

void expect_experts(const Experts& experts, Index D, bool finite) {
  const auto E = static_cast<Index>(experts.ffn.size());
  const Index F = E == 0 ? 0 : experts.ffn[0].up.rows();
  if (E < 1 || D < 1 || F < 1)
    throw Error(fmt::format("layer has E={} D={} F={}, expected at least 1 "
                            "each", E, D, F));
  if (experts.identities < 0)
    throw Error(fmt::format("layer has {} identities, expected 0 or more",
                            experts.identities));
  for (Index e = 0; e < E; e++)
    expect_ffn(fmt::format("expert {}", e), experts.ffn[std::size_t(e)],
               experts.activation.gated, F, D, finite);
}

void expect_latent(const Latent& latent, Index D, bool finite) {
  const Index L = latent.down.rows();
  if (L < 1)
    throw Error(fmt::format("latent space has {} values, expected 1 or more",
                            L));
  expect_shape("latent.down", L, latent.down.cols(), L, D);
  expect_shape("latent.up", latent.up.rows(), latent.up.cols(), D, L);
  if (!finite) return;
  expect_finite("latent.down", latent.down);
  expect_finite("latent.up", latent.up);
}

void expect_shared(const Shared& shared, Index D, bool finite) {
  expect_ffn("shared", shared.ffn, shared.activation.gated,
             shared.ffn.up.rows(), D, finite);
  const Index rows = shared.join == SharedJoin::weighed ? 2 : 1;
  if (shared.gate.size() != 0 || shared.join != SharedJoin::added)
    expect_shape("shared.gate", shared.gate.rows(), shared.gate.cols(), rows,
                 D);
  expect_length("shared.gate_bias", shared.gate_bias,
                shared.join == SharedJoin::weighed ? 2 : 0);
  if (!finite) return;
  expect_finite("shared.gate", shared.gate);
  expect_finite("shared.gate_bias", shared.gate_bias);
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
