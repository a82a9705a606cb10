// What makes a router make sense.
#include <fmt/format.h>

#include <cmath>

#include "reference/error.h"
#include "reference/layer_checks.h"

namespace moe::checks {
namespace {

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

// That `v` is there if the config asks for it, and only then.
void expect_if(bool wanted, const std::string& name, const Vector& v,
               Index length) {
  if (wanted && v.size() == 0)
    throw Error(fmt::format("{} is missing, expected {} values", name,
                            length));
  expect_length(name, v, wanted ? length : 0);
}

// Rows of experts for token ids, of Choice::table only.
void expect_table(const std::string& name, const Router& router, Index E) {
  const IntMatrix& table = router.table;
  const bool wanted = router.config.choice == Choice::table;
  if (!wanted || table.rows() == 0)
    expect_shape(name + ".table", table.rows(), table.cols(), wanted ? 1 : 0,
                 wanted ? router.config.chosen : 0);
  expect_shape(name + ".table", table.rows(), table.cols(), table.rows(),
               wanted ? router.config.chosen : 0);
  for (Index v = 0; v < table.rows(); v++)
    for (Index k = 0; k < table.cols(); k++)
      if (table(v, k) < 0 || table(v, k) >= E)
        throw Error(fmt::format("{}.table holds expert {} at [{},{}], expected "
                                "0 to {}", name, table(v, k), v, k, E - 1));
}

void expect_noise(const std::string& name, const RouterConfig& config) {
  if (!(config.noise >= 0) || !(config.noise <= 1e6F))
    throw Error(fmt::format("{} has noise {}, expected 0 to 1e6", name,
                            config.noise));
  const bool limited = config.later != LaterSlots::all &&
                       config.later != LaterSlots::none;
  if (limited && !std::isfinite(config.later_threshold))
    throw Error(fmt::format("{} has a threshold of later slots of {}, expected "
                            "a finite number", name, config.later_threshold));
  const bool drawn = config.later == LaterSlots::random;
  if (drawn && !(config.later_threshold > 0))
    throw Error(fmt::format("{} draws later slots with threshold {}, expected "
                            "more than 0", name, config.later_threshold));
}

// Logits are no parts of a whole: a sum of them is no mass.
void expect_mass(const std::string& name, const RouterConfig& config) {
  if (config.later == LaterSlots::until_mass && config.score == Score::logit)
    throw Error(fmt::format("{} uses slots until their scores sum to {}, and "
                            "its scores are raw logits, expected softmax, "
                            "sigmoid or sqrt_softplus for until_mass", name,
                            config.later_threshold));
}

// The draw among near ties is one among all experts, by their logits.
void expect_near_ties(const std::string& name, const RouterConfig& config) {
  if (config.choice != Choice::near_tie) return;
  const bool plain = config.score == Score::logit &&
                     config.key == SelectionKey::score &&
                     config.groups.kept == config.groups.count;
  if (!plain || !(config.near_tie >= 0))
    throw Error(fmt::format("{} draws among experts within a gap of 2 * {}, "
                            "expected a gap of 0 or more, logits as scores and "
                            "neither a selection bias nor a group limit", name,
                            config.near_tie));
}

// A router without scores finds experts by table or by lot, and nothing else.
void expect_unscored(const std::string& name, const Router& router) {
  const RouterConfig& config = router.config;
  if (router.unscored == 0) return;
  const bool found = config.choice == Choice::table ||
                     config.choice == Choice::random;
  const bool plain = config.raw_weight == RawWeight::one &&
                     config.normalisation == Normalisation::none &&
                     config.noise_kind == Noise::none &&
                     config.later == LaterSlots::all &&
                     router.expert_scale.size() == 0;
  if (router.unscored < 0 || router.weight.rows() != 0 || !found || !plain)
    throw Error(fmt::format("{} has no scores for its {} experts, expected a "
                            "choice by table or by lot, weights of 1 and no "
                            "matrix", name, router.unscored));
}

}  // namespace

void expect_plain(const std::string& name, const Router& router) {
  const RouterConfig& config = router.config;
  if (config.choice != Choice::top_k || router.unscored != 0)
    throw Error(fmt::format("{} finds experts without ranking scores, "
                            "expected the largest scores", name));
  if (config.noise_kind == Noise::layer_jitter)
    throw Error(fmt::format("{} jitters what the whole layer reads, expected "
                            "noise of the router alone", name));
}

void expect_router(const std::string& name, const Router& router, Index E,
                   Index D, bool finite) {
  const RouterConfig& config = router.config;
  expect_shape(name + ".weight", router.weight.rows(), router.weight.cols(),
               router.unscored == 0 ? E : 0, D);
  if (count(router) != E)
    throw Error(fmt::format("{} chooses among {} experts, expected E={}", name,
                            count(router), E));
  expect_unscored(name, router);
  const Index K = config.chosen;
  if (K < 1 || K > E || (config.choice == Choice::balanced && K != 1))
    throw Error(fmt::format("{} chooses K={} of E={} experts, expected 1 to "
                            "{}", name, K, E,
                            config.choice == Choice::balanced ? 1 : E));
  expect_groups(config.groups, E, K);
  expect_noise(name, config);
  expect_mass(name, config);
  expect_near_ties(name, config);
  expect_table(name, router, E);
  expect_length(name + ".bias", router.bias, router.unscored == 0 ? E : 0);
  expect_if(config.key == SelectionKey::score_plus_bias,
            name + ".selection_bias", router.selection_bias, E);
  expect_length(name + ".input_gain", router.input_gain, D);
  expect_length(name + ".expert_scale", router.expert_scale, E);
  const bool learned = config.noise_kind == Noise::learned_gaussian;
  expect_shape(name + ".noise_weight", router.noise_weight.rows(),
               router.noise_weight.cols(), learned ? E : 0, learned ? D : 0);
  if (!finite) return;
  expect_finite(name + ".weight", router.weight);
  expect_finite(name + ".bias", router.bias);
  expect_finite(name + ".selection_bias", router.selection_bias);
  expect_finite(name + ".input_gain", router.input_gain);
  expect_finite(name + ".expert_scale", router.expert_scale);
  expect_finite(name + ".noise_weight", router.noise_weight);
}

}  // namespace moe::checks
