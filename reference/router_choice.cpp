#include "reference/router_choice.h"

#include <fmt/format.h>

#include "reference/balanced_assignment.h"
#include "reference/error.h"

namespace moe {

bool ranks_keys(const RouterConfig& config, const Batch& batch) {
  if (config.choice == Choice::balanced) return !batch.training;
  return config.choice == Choice::top_k || config.choice == Choice::near_tie;
}

bool draws_near_ties(const RouterConfig& config, const Batch& batch) {
  return batch.training && config.choice == Choice::near_tie;
}

IntMatrix table_choice(const IntMatrix& table, Index T, const Batch& batch) {
  if (static_cast<Index>(batch.ids.size()) != T)
    throw Error(fmt::format("router reads a table of token ids, and {} ids "
                            "came, expected {}", batch.ids.size(), T));
  IntMatrix S(T, table.cols());
  for (Index t = 0; t < T; t++) {
    const Index id = batch.ids[std::size_t(t)];
    if (id < 0 || id >= table.rows())
      throw Error(fmt::format("token {} has id {}, expected 0 to {}", t, id,
                              table.rows() - 1));
    S.row(t) = table.row(id);
  }
  return S;
}

IntMatrix random_choice(Index T, Index E, Index K, const Batch& batch) {
  const Draw draw = batch.training ? Draw::expert_of_batch : Draw::expert;
  const numerics::Stream draws = stream(batch, draw);
  IntMatrix S(T, K);
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++) {
      const Index element = batch.training ? k : (batch.first + t) * K + k;
      const std::uint64_t word =
          numerics::random_word(draws, std::uint64_t(element));
      S(t, k) = static_cast<std::int32_t>(word * std::uint64_t(E) >> 32);
    }
  return S;
}

IntMatrix choice_without_keys(const RouterConfig& config,
                              const IntMatrix& table,
                              const ConstMatrix& logits, const Batch& batch) {
  const Index T = logits.rows();
  if (config.choice == Choice::table) return table_choice(table, T, batch);
  if (config.choice == Choice::random)
    return random_choice(T, logits.cols(), config.chosen, batch);
  IntMatrix S(T, 1);
  const std::vector<Index> expert = balanced_assignment(logits);
  for (Index t = 0; t < T; t++)
    S(t, 0) = static_cast<std::int32_t>(expert[std::size_t(t)]);
  return S;
}

Routing route_without_scores(const RouterConfig& config,
                             const IntMatrix& table, Index T, Index E,
                             const Batch& batch, Trace* trace) {
  const Index K = config.chosen;
  Routing routing{IntMatrix(), Matrix::Constant(T, K, config.scale),
                  Matrix::Ones(T, K), config.weight_on};
  if (config.choice == Choice::table)
    routing.selected = table_choice(table, T, batch);
  else
    routing.selected = random_choice(T, E, K, batch);
  record(trace, "selected", routing.selected);
  record(trace, "weights", routing.weights);
  return routing;
}

}  // namespace moe
