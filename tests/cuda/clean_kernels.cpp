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

bool router(const moe::RouterConfig& config, Index E) {
  const Index T = 5;
  Numbers logits(T, E), bias(1, E), scores(T, E, false), weights(T, config.chosen, false);
  Array<float> groups(static_cast<std::size_t>(T * config.groups.count));
  Array<float> w(static_cast<std::size_t>(T * config.chosen));
  Array<int> selected(static_cast<std::size_t>(T * config.chosen));
  kernels::route(config, logits.view(), bias.data.data(), groups.data(), scores.view(),
                 selected.data(), w.data());
  const std::vector<float> host = w.to_host();
  return scores.all_written() &&
         std::none_of(host.begin(), host.end(), [](float v) { return std::isnan(v); });
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

bool shared() {
  Numbers z(3, 1), y(3, 70), sum(3, 70, false);
  kernels::open(z.view(), y.view());
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
      {"kernel: shared", shared, Needs::no_bug},
  };
  return all;
}
