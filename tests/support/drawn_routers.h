// Routers that draw, look token ids up or read changed tokens, in every combination: for the tests of
// each tier's router.
#pragma once
#include <functional>

#include "reference/batch.h"
#include "tests/cpu/support.h"

namespace moe::test {

/// A router with all it needs for its config; V = 11 rows if it has a table.
inline Router make_drawn_router(Draw& draw, Index E, Index D, const RouterConfig& config,
                                bool normalised, bool scaled) {
  Router router;
  router.config = config;
  router.weight = draw.matrix(E, D);
  if (normalised) router.input_gain = draw.vector(D);
  if (scaled) router.expert_scale = draw.vector(E);
  if (config.noise_kind == Noise::learned_gaussian) router.noise_weight = draw.matrix(E, D);
  if (config.choice == Choice::table) {
    router.table.resize(11, config.chosen);
    for (Index i = 0; i < router.table.size(); i++)
      router.table.data()[i] = static_cast<std::int32_t>(draw.word() % static_cast<unsigned>(E));
  }
  return router;
}

/// A batch of T tokens that begins at token 5 of a training step, or of an evaluation.
inline Batch make_drawn_batch(Draw& draw, Index T, bool training) {
  Batch batch{.first = 5, .seed = 0x123456789, .step = 7, .training = training, .router = 3};
  for (Index t = 0; t < T; t++) batch.ids.push_back(static_cast<std::int32_t>(draw.word() % 11));
  return batch;
}

/// Calls test(router, x, batch, name) for every way to choose, noise, change of the input and use of
/// later slots, in training and after; returns how often.
inline int for_every_drawn_router(
    Draw& draw, const std::function<void(const Router&, const Matrix&, const Batch&,
                                         const std::string&)>& test) {
  int count = 0;
  for (const Choice choice : {Choice::top_k, Choice::table, Choice::random, Choice::balanced, Choice::near_tie})
    for (const Noise noise :
         {Noise::none, Noise::gaussian, Noise::learned_gaussian, Noise::input_jitter})
      for (const bool training : {true, false})
        for (const int extras : {0, 1, 2, 3}) {
          const Index E = extras < 2 ? 3 : 37, K = choice == Choice::balanced ? 1 : 3;
          const Index T = E * (extras % 2 + 1), D = 5;
          const RouterConfig config{
              .chosen = K,
              .noise_kind = noise,
              .noise = 0.25F,
              .score = choice == Choice::near_tie ? Score::logit : Score::softmax,
              .choice = choice,
              .raw_weight = choice == Choice::near_tie ? RawWeight::near_tie_softmax
                            : extras == 3              ? RawWeight::one
                                                       : RawWeight::score,
              .normalisation = extras == 1 ? Normalisation::sum : Normalisation::none,
              .scale = 1.5F,
              .later = extras % 2 == 0 ? LaterSlots::random : LaterSlots::all,
              .later_threshold = 0.4F,
              .near_tie = 0.3F};
          const Router router =
              make_drawn_router(draw, E, D, config, extras % 2 == 1, extras != 0);
          test(router, draw.matrix(T, D), make_drawn_batch(draw, T, training),
               fmt::format("choice {} noise {} training {} extras {}", static_cast<int>(choice),
                           static_cast<int>(noise), training, extras));
          count++;
        }
  for (const Choice choice : {Choice::table, Choice::random})
    for (const bool training : {true, false}) {
      Router router = make_drawn_router(
          draw, 4, 5, {.chosen = 2, .choice = choice, .raw_weight = RawWeight::one, .scale = 3},
          false, false);
      router.weight.resize(0, 5);
      router.unscored = 4;
      test(router, draw.matrix(9, 5), make_drawn_batch(draw, 9, training),
           fmt::format("no scores, choice {}", static_cast<int>(choice)));
      count++;
    }
  return count;
}

}  // namespace moe::test
