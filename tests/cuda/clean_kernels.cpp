// The tier's own kernels, each run once on a small input: a sanitizer must have nothing to say. That
// the results are right is for the tests of the stages; here it is only asked that every value was
// written.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "cuda/kernels.h"
#include "tests/cuda/planted_bugs.h"

using moe::Index;
using namespace moe::MOE_CUDA_NAMESPACE;

namespace {

// A device matrix of small numbers; what is not a value stays uninitialised.
struct Numbers {
  Array<float> data;
  Index rows, cols;

  Numbers(Index rows_, Index cols_, bool filled = true)
      : data(static_cast<std::size_t>(rows_ * row_stride(cols_))), rows(rows_), cols(cols_) {
    std::vector<float> host(static_cast<std::size_t>(rows * cols));
    for (std::size_t i = 0; i < host.size(); i++)
      host[i] = static_cast<float>(i * 37 % 101) / 64 - 0.75F;
    const std::size_t bytes = static_cast<std::size_t>(cols) * sizeof(float);
    if (filled)
      copy_rows_to_device(data.data(), static_cast<std::size_t>(row_stride(cols)) * sizeof(float),
                          host.data(), bytes, bytes, static_cast<std::size_t>(rows));
  }
  kernels::View view() { return {data.data(), rows, cols, row_stride(cols)}; }

  bool all_written() const {
    const std::vector<float> host = data.to_host();
    for (Index r = 0; r < rows; r++)
      for (Index c = 0; c < cols; c++)
        if (std::isnan(host[static_cast<std::size_t>(r * row_stride(cols) + c)])) return false;
    return true;
  }
};

bool all_written(const Array<float>& values) {
  const std::vector<float> host = values.to_host();
  return std::none_of(host.begin(), host.end(), [](float v) { return std::isnan(v); });
}

// In tiles of 16, 64 and 128 rows; several depths and a tail.
bool linear(Index T) {
  Numbers x(T, 40), w(70, 40), bias(1, 70), y(T, 70, false);
  kernels::linear(x.view(), {w.data.data(), bias.data.data(), 1, 70, 40}, kernels::plan(T),
                  y.view());
  return y.all_written();
}

// Two experts of three have rows.
bool experts(bool gated) {
  Numbers x(20, 9), gate(3 * 66, 9), up(3 * 66, 9), hidden(20, 66, false);
  const Array<int> offsets(std::vector<int>{0, 17, 17, 20});
  const int rows = kernels::rows_per_tile(20, 3);
  const Index count = kernels::most_tiles(20, 3, rows);
  Array<kernels::Tile> tiles(static_cast<std::size_t>(count));
  kernels::plan(offsets.data(), 3, rows, tiles.data(), count);
  kernels::hidden_values({.gated = gated}, x.view(), {gate.data.data(), nullptr, 3, 66, 9},
                         {up.data.data(), nullptr, 3, 66, 9}, {tiles.data(), count, rows},
                         hidden.view());
  return hidden.all_written();
}

bool router(const moe::RouterConfig& config, Index E, bool given = false, bool drawn = false) {
  const Index T = 5;
  Numbers logits(T, E), bias(1, E), scales(1, E), scores(T, E, false);
  Array<float> groups(static_cast<std::size_t>(T * config.groups.count));
  const auto pairs = static_cast<std::size_t>(T * config.chosen);
  Array<float> w(pairs), chosen(pairs);
  Array<int> selected(std::vector<int>(pairs, static_cast<int>(E) - 1));
  const bool biased = config.key == moe::SelectionKey::score_plus_bias;
  kernels::route(config, logits.view(),
                 {.selection_bias = biased ? bias.data.data() : nullptr,
                  .expert_scale = given ? scales.data.data() : nullptr,
                  .given = given,
                  .later = {{1, 2, 3}, 7},
                  .drawn = drawn,
                  .near_tie = {{4, 5, 6}, 7},
                  .midpoint = {{7, 8, 9}, 7}},
                 groups.data(), scores.view(), selected.data(), w.data(), chosen.data());
  return scores.all_written() && all_written(w) && all_written(chosen);
}

bool router_input_and_noise() {
  const Index T = 5, D = 40, E = 9;
  const kernels::Draws draws{{1, 2, 3}, 7};
  Numbers x(T, D), gain(1, D), normalised(T, D, false), jittered(T, D, false), raw(T, E);
  kernels::router_input(gain.data.data(), 1e-6F, 0, draws, x.view(), normalised.view());
  kernels::router_input(nullptr, 0, 0.01F, draws, x.view(), jittered.view());
  Numbers learned(T, E), fixed(T, E);
  kernels::add_noise(raw.view(), 0.01F, draws, learned.view());
  kernels::add_noise({}, 0.1F, draws, fixed.view());
  return normalised.all_written() && jittered.all_written() && learned.all_written() &&
         fixed.all_written();
}

bool identities() {
  const Array<int> first(std::vector<int>{2});
  Numbers rows(5, 9), hidden(5, 34), out(5, 9);
  kernels::pass_on(first.data(), rows.view(), hidden.view(), out.view());
  return hidden.all_written() && out.all_written();
}

bool router_to_all(Index E) {
  const Index T = 5;
  Numbers logits(T, E), scores(T, E, false);
  const auto pairs = static_cast<std::size_t>(T * E);
  Array<float> w(pairs), chosen(pairs);
  Array<int> selected(pairs);
  kernels::route_to_all({}, logits.view(), scores.view(), selected.data(), w.data(), chosen.data());
  return scores.all_written() && all_written(w) && all_written(chosen);
}

bool dispatch(Index T, Index K, Index E) {
  std::vector<int> choices;
  for (Index i = 0; i < T * K; i++) choices.push_back(static_cast<int>(i % K + i / K % (E - K + 1)));
  const Array<int> selected(choices);
  const auto R = static_cast<std::size_t>(T * K);
  const Index chunks = (T * K + kernels::kChunk - 1) / kernels::kChunk;
  Array<int> counts(static_cast<std::size_t>(chunks * E)), offsets(static_cast<std::size_t>(E + 1));
  Array<int> tokens(R), slots(R), positions(R);
  kernels::place(selected.data(), T, K, E, counts.data(), offsets.data(), tokens.data(),
                 slots.data(), positions.data());
  Numbers x(T, 7), weights(1, T * K), rows(T * K, 7, false), y(T, 7, false);
  kernels::gather(x.view(), positions.data(), weights.data.data(), K, rows.view());
  kernels::combine(rows.view(), positions.data(), weights.data.data(), K, y.view());
  return rows.all_written() && y.all_written();
}

// Places for a few pairs; then the weights of those and, of a few tokens, their rows and the sum of what
// came back. (A sanitizer takes its time over a block per token.)
bool capacity(moe::Priority priority, Index T, Index group) {
  const Index K = 3, E = 5;
  std::vector<int> choices;
  std::vector<float> numbers;
  for (Index i = 0; i < T * K; i++) {
    choices.push_back(static_cast<int>((i % K + i / K % E) % (E + 1)) - 1);
    numbers.push_back(static_cast<float>(i % 7));
  }
  const Array<int> selected(choices);
  const Array<float> scores(numbers);
  const auto pairs = static_cast<std::size_t>(T * K);
  const Index chunks = (T * K + kernels::kChunk - 1) / kernels::kChunk;
  Array<int> placed(pairs), counts(static_cast<std::size_t>(chunks * E)),
      offsets(static_cast<std::size_t>(E + 1)), tokens(pairs), slots(pairs), positions(pairs);
  Array<float> weights(pairs);
  kernels::find_places(priority, 2, group, selected.data(), scores.data(), T, K, placed.data());
  kernels::place(placed.data(), T, K, E, counts.data(), offsets.data(), tokens.data(),
                 slots.data(), positions.data());
  kernels::drop_weights(moe::Normalisation::sum, 1, positions.data(), scores.data(), T, K,
                        weights.data());
  if (T > 20) return all_written(weights);
  Numbers x(T, 7), rows(offsets.to_host().back(), 7, false), y(T, 7, false);
  kernels::gather(x.view(), positions.data(), weights.data(), K, rows.view());
  kernels::combine(rows.view(), positions.data(), weights.data(), K, y.view());
  return rows.rows > 0 && rows.rows < T * K && all_written(weights) && rows.all_written() &&
         y.all_written();
}

bool expert_choice(Index T, Index E, Index group, Index C) {
  const Index lists = T / group * E * C;
  Numbers scores(T, E);
  Array<int> chosen(static_cast<std::size_t>(lists)), selected(static_cast<std::size_t>(T * E));
  Array<float> chosen_weights(static_cast<std::size_t>(lists));
  Array<float> weights(static_cast<std::size_t>(T * E)), s(static_cast<std::size_t>(T * E));
  kernels::choose_tokens(scores.view(), group, C, chosen.data(), chosen_weights.data(),
                         selected.data(), weights.data(), s.data());
  return all_written(chosen_weights) && all_written(weights) && all_written(s);
}

bool soft() {
  const Index groups = 2, rows = 6, D = 40;
  Numbers x(groups * rows, D), gamma(1, D), l2(groups * rows, D, false);
  Numbers p(groups * rows, D, false);
  Numbers rms(groups * rows, D, false), turned(groups * D, rows, false);
  Numbers swapped(groups * rows, D, false);
  kernels::softmax(x.view(), p.view());
  kernels::normalise_by_l2(x.view(), 2, l2.view());
  kernels::normalise_by_rms(x.view(), gamma.data.data(), rms.view());
  kernels::transpose(x.view(), groups, turned.view());
  kernels::swap_groups(x.view(), groups, 3, 2, swapped.view());
  return p.all_written() && l2.all_written() && rms.all_written() && turned.all_written() &&
         swapped.all_written();
}

bool hierarchical() {
  const Index T = 9;
  const Array<int> groups(std::vector<int>{0, 1, -1, 2, 3, 4, 5, -1, 6});
  const Array<int> outer(std::vector<int>{0, 1, 1, 0, 1, 1, 0, -1, 0}), inner(std::vector<int>(18, 1));
  const Array<float> g(std::vector<float>(9, 0.5F)), h(std::vector<float>(18, 0.25F));
  const kernels::InnerRouting one{inner.data(), h.data(), h.data()};
  const Array<kernels::InnerRouting> both(std::vector<kernels::InnerRouting>{one, one});
  Array<int> selected(18);
  Array<float> weights(18), scores(18);
  kernels::flatten({.inner_chosen = 2, .experts_per_group = 3, .best_only = true}, T, outer.data(),
                   g.data(), groups.data(), both.data(), selected.data(), weights.data(),
                   scores.data());
  return all_written(weights) && all_written(scores);
}

bool shared() {
  Numbers z(3, 1), both(3, 2), y(3, 70), sum(3, 70, false);
  kernels::take_share(moe::SharedJoin::blended, 0, z.view(), y.view());
  kernels::take_share(moe::SharedJoin::weighed, 1, both.view(), y.view());
  kernels::add(y.view(), y.view(), sum.view());
  return y.all_written() && sum.all_written();
}

}  // namespace

const std::vector<Bug>& clean_kernels() {
  using moe::Normalisation, moe::RawWeight, moe::Score, moe::SelectionKey;
  static const std::vector<Bug> all = {
      {"kernel: linear, small tiles", [] { return linear(5); }, Needs::no_bug},
      {"kernel: linear, middle tiles", [] { return linear(20); }, Needs::no_bug},
      {"kernel: linear, large tiles", [] { return linear(130); }, Needs::no_bug},
      {"kernel: expert, gated", [] { return experts(true); }, Needs::no_bug},
      {"kernel: expert, plain", [] { return experts(false); }, Needs::no_bug},
      {"kernel: router, softmax of all",
       [] { return router({.chosen = 34, .normalisation = Normalisation::sum}, 40); },
       Needs::no_bug},
      {"kernel: router, softmax of the chosen",
       [] {
         return router({.chosen = 4, .score = Score::logit, .raw_weight = RawWeight::softmax_of_chosen},
                       9);
       },
       Needs::no_bug},
      {"kernel: router, near ties",
       [] { return router({.chosen = 2, .raw_weight = RawWeight::near_tie_softmax}, 16); },
       Needs::no_bug},
      {"kernel: router, near ties drawn",
       [] {
         return router({.chosen = 34, .score = Score::logit, .raw_weight = RawWeight::near_tie_softmax},
                       40, false, true);
       },
       Needs::no_bug},
      {"kernel: router, groups",
       [] {
         return router({.chosen = 4,
                        .score = Score::sigmoid,
                        .key = SelectionKey::score_plus_bias,
                        .groups = {.count = 36, .kept = 5},
                        .normalisation = Normalisation::sum},
                       72);
       },
       Needs::no_bug},
      {"kernel: router, scores in global memory",
       [] { return router({.chosen = 3, .normalisation = Normalisation::l2}, 3100); },
       Needs::no_bug},
      {"kernel: dispatch and combine", [] { return dispatch(100, 3, 5); }, Needs::no_bug},
      {"kernel: dispatch, many experts", [] { return dispatch(9, 4, 300); }, Needs::no_bug},
      {"kernel: router, later slots",
       [] {
         return router({.chosen = 34, .later = moe::LaterSlots::until_mass, .later_threshold = 0.5F},
                       40);
       },
       Needs::no_bug},
      {"kernel: router, given experts and random slots",
       [] {
         return router({.chosen = 34, .later = moe::LaterSlots::random, .later_threshold = 0.5F}, 40,
                       true);
       },
       Needs::no_bug},
      {"kernel: router, input and noise", router_input_and_noise, Needs::no_bug},
      {"kernel: expert, identities", identities, Needs::no_bug},
      {"kernel: router, all experts", [] { return router_to_all(70); }, Needs::no_bug},
      {"kernel: capacity, one large group",
       [] { return capacity(moe::Priority::choice, 100, 100); }, Needs::no_bug},
      {"kernel: capacity, several groups",
       [] { return capacity(moe::Priority::confidence, 9, 4); }, Needs::no_bug},
      {"kernel: expert choice, one large group", [] { return expert_choice(300, 1, 300, 3); },
       Needs::no_bug},
      {"kernel: expert choice, several groups", [] { return expert_choice(8, 2, 4, 4); },
       Needs::no_bug},
      {"kernel: soft", soft, Needs::no_bug},
      {"kernel: hierarchical", hierarchical, Needs::no_bug},
      {"kernel: shared", shared, Needs::no_bug},
  };
  return all;
}
