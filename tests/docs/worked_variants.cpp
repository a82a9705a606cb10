// The other variants on the same four tokens, every number from a trace of the reference.
#include <fmt/format.h>

#include "reference/dense.h"
#include "reference/expert_choice.h"
#include "reference/hierarchical.h"
#include "reference/soft.h"
#include "tests/docs/small_layer.h"

namespace moe::docs {
namespace {

std::string number(Index i) { return fmt::format("{}", i); }

// One row for each token: the named stages.
std::string per_token(const Recording& trace, const std::vector<std::string>& stages) {
  std::vector<std::string> head{"token"};
  head.insert(head.end(), stages.begin(), stages.end());
  Table table(head);
  for (Index t = 0; t < small_tokens().rows(); t++) {
    std::vector<std::string> cells{number(t)};
    for (const std::string& stage : stages) cells.push_back(row(trace, stage, t));
    table.row(cells);
  }
  return table.text();
}

ExpertChoiceLayer choosing_experts(Index places) {
  return {.router = small_router(1).weight, .bias = {}, .places = places, .experts = small_experts(), .shared = {}};
}

SoftLayer soft_layer(SoftNormalisation normalisation) {
  SoftLayer l{.phi = small_router(1).weight, .normalisation = normalisation, .token_gamma = {}, .slot_gamma = {},
              .experts = small_experts()};
  if (normalisation == SoftNormalisation::rms) l.token_gamma = l.slot_gamma = Vector::Ones(2);
  return l;
}

// Tokens whose slot nobody filled: every slot is -1.
std::string left_out(const Recording& trace) {
  std::vector<Index> tokens;
  for (Index t = 0; t < height(trace, "positions"); t++) {
    bool taken = false;
    for (Index e = 0; e < 3; e++) taken = taken || integer(trace, "positions", t, e) >= 0;
    if (!taken) tokens.push_back(t);
  }
  return tokens.empty() ? "none" : list(tokens);
}

HierarchicalLayer two_levels(Index K2, Normalisation inner) {
  const auto router = [](Index K, Normalisation normalisation, const std::vector<float>& values) {
    return Router{.config = {.chosen = K, .normalisation = normalisation}, .weight = matrix(2, values), .bias = {},
                  .selection_bias = {}};
  };
  return {.outer = router(2, Normalisation::sum, {1, 0, 0, 1}), .outer_capacity = {},
          .inner = {router(K2, inner, {0.5F, 0, 0, 1}), router(K2, inner, {1, -1, -1, 1})}, .inner_capacity = {},
          .experts = small_experts(4)};
}

}  // namespace

std::string dense_example() {
  const DenseLayer l{.gate = small_router(1), .experts = small_experts(), .shared = {}};
  Recording trace;
  reference::dense(l, small_tokens(), &trace);
  return givens(fmt::format("Gate rows: {}.", rows(l.gate.weight)), l.experts) +
         "\n**The gate.** scores: softmax along a row. selected: all experts, in their own order, not by score. weights: their "
         "scores.\n\n" +
         per_token(trace, {"logits", "scores", "selected", "weights"}) +
         "\n**The experts.** Every token is there once for every expert.\n\n" + experts_table(trace, "selected", "positions") +
         "\n**Back together.**\n\n" + back_table(trace, "positions", "weights");
}

std::string expert_choice_example() {
  const ExpertChoiceLayer l = choosing_experts(2);
  Recording trace;
  reference::expert_choice(l, small_tokens(), &trace);
  std::string text = givens(fmt::format("Router rows: {}; C = {}.", rows(l.router), l.places), l.experts) +
                     "\n**The scores.** softmax along a row: over experts, for one token.\n\n" + per_token(trace, {"logits", "scores"}) +
                     "\n**The choice.** Each expert goes down its column of scores. selected: the two largest, best first.\n\n";
  Table choice({"expert", "selected (tokens)", "weights"});
  for (Index e = 0; e < 3; e++) choice.row({number(e), row(trace, "selected", e), row(trace, "weights", e)});
  text += choice.text() + "\n**The experts.** Two rows each.\n\n";
  Table experts({"row", "of token", "for expert", "dispatched", "hidden", "expert_out"});
  for (Index r = 0; r < height(trace, "dispatched"); r++)
    for (Index t = 0; t < 4; t++)
      for (Index e = 0; e < 3; e++)
        if (integer(trace, "positions", t, e) == r)
          experts.row({number(r), number(t), number(e), row(trace, "dispatched", r), row(trace, "hidden", r),
                       row(trace, "expert_out", r)});
  text += experts.text() + "\n**Back together.** positions: slot e of a token is the row at expert e, or -1.\n\n" +
          per_token(trace, {"positions", "combined", "output"}) + "\n**Other numbers of places.**\n\n";
  Table places({"C", "expert 0 takes", "expert 1 takes", "expert 2 takes", "tokens nobody takes", "output of token 3"});
  for (Index C = 0; C <= 4; C++) {
    Recording with;
    reference::expert_choice(choosing_experts(C), small_tokens(), &with);
    std::vector<std::string> cells{number(C)};
    for (Index e = 0; e < 3; e++) cells.push_back(C == 0 ? "–" : row(with, "selected", e));
    cells.push_back(left_out(with));
    cells.push_back(row(with, "output", 3));
    places.row(cells);
  }
  text += places.text() + "\n**A cap on the experts of a token.** C = 2; `most_experts` 0 is no cap.\n\n";
  Table caps({"most_experts", "expert 0 takes", "expert 1 takes", "expert 2 takes", "tokens nobody takes", "output of token 3"});
  for (Index b = 0; b <= 2; b++) {
    ExpertChoiceLayer capped = l;
    capped.most_experts = b;
    Recording with;
    reference::expert_choice(capped, small_tokens(), &with);
    std::vector<std::string> cells{number(b)};
    for (Index e = 0; e < 3; e++) cells.push_back(row(with, "selected", e));
    cells.push_back(left_out(with));
    cells.push_back(row(with, "output", 3));
    caps.row(cells);
  }
  Recording alone;
  reference::expert_choice(l, small_tokens().topRows(2), &alone);
  return text + caps.text() +
         fmt::format("\nWith tokens 0 and 1 alone and C = 2 every expert takes both, and token 0 gets {}: not what it gets above, {}.\n",
                     row(alone, "output", 0), row(trace, "output", 0));
}

std::string soft_example() {
  const SoftLayer l = soft_layer(SoftNormalisation::none);
  Recording trace;
  reference::soft(l, small_tokens(), &trace);
  std::string text = givens(fmt::format("Slot parameters phi: {}, one slot for each expert, no normalisation.", rows(l.phi)), l.experts) +
                     "\n**Both softmaxes.** scores: down a column, over tokens, how slots are mixed. weights: along a row, over slots, "
                     "how outputs are.\n\n" +
                     per_token(trace, {"logits", "scores", "weights"}) +
                     "\n**The slots.** dispatched: tokens, mixed by a column of scores.\n\n";
  Table slots({"slot", "for expert", "dispatched", "hidden", "expert_out"});
  for (Index p = 0; p < 3; p++)
    slots.row({number(p), number(p / l.slots), row(trace, "dispatched", p), row(trace, "hidden", p), row(trace, "expert_out", p)});
  text += slots.text() + "\n**Back together.** output: expert_out, mixed by a row of weights.\n\n" + per_token(trace, {"weights", "output"}) +
          "\n**The three normalisations.** The same layer; the gains of the third are 1.\n\n";
  Table kinds({"normalisation", "logits of token 0", "slot 0", "output of token 0"});
  for (const auto& [name, kind] : {std::pair("`none`", SoftNormalisation::none), std::pair("`l2`", SoftNormalisation::l2),
                                   std::pair("`rms`", SoftNormalisation::rms)}) {
    Recording with;
    reference::soft(soft_layer(kind), small_tokens(), &with);
    kinds.row({name, row(with, "logits", 0), row(with, "dispatched", 0), row(with, "output", 0)});
  }
  return text + kinds.text();
}

std::string hierarchical_example() {
  const HierarchicalLayer l = two_levels(1, Normalisation::none);
  Recording trace;
  reference::hierarchical(l, small_tokens(), &trace);
  std::string text =
      givens(fmt::format("Two groups of two experts. Outer rows: {}; inner rows of group 0: {}, of group 1: {}; K1 = 2, K2 = 1; "
                         "the outer weights are divided by their sum.",
                         rows(l.outer.weight), rows(l.inner[0].weight), rows(l.inner[1].weight)),
             l.experts) +
      "\n**Outer level.** Which groups, with what weights g.\n\n" + per_token(trace, {"logits", "scores", "selected", "weights"}) +
      "\n**Inner level.** The best expert of group 0, then of group 1, numbered within its group, and its weight h. Then the two levels "
      "as one: slots with experts numbered throughout, and weights g · h.\n\n" +
      per_token(trace, {"inner_selected", "inner_weights", "slot_selected", "slot_weights"}) +
      "\n**The experts.**\n\n" + experts_table(trace, "slot_selected", "slot_positions") + "\n**Back together.**\n\n" +
      back_table(trace, "slot_positions", "slot_weights") +
      "\n**Two groups of which only one counts in full.** K1 = K2 = 2, weights divided by their sum at both levels, and `SecondGroup::best_only`: a group with g above 1/2 gives both "
      "experts, any other only its best, in the second slot.\n\n";
  HierarchicalLayer best = two_levels(2, Normalisation::sum);
  best.second_group = SecondGroup::best_only;
  Recording with;
  reference::hierarchical(best, small_tokens(), &with);
  return text + per_token(with, {"selected", "weights", "slot_selected", "slot_weights"});
}

}  // namespace moe::docs
