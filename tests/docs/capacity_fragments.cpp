// Places: how many by each rule, who finds one, and what the weights become.
#include <fmt/format.h>

#include "reference/sparse.h"
#include "tests/docs/small_layer.h"

namespace moe::docs {
namespace {

struct RuleRow {
  CapacityRule rule;
  const char* name;
  const char* code;  // whose code counts so
};

constexpr RuleRow kRules[] = {
    {CapacityRule::mesh, "mesh", "Mesh TensorFlow: Switch, top 2"},
    {CapacityRule::flaxformer, "flaxformer", "flaxformer"},
    {CapacityRule::lingvo, "lingvo", "lingvo: GShard"},
    {CapacityRule::vmoe, "vmoe", "V-MoE"},
    {CapacityRule::deepspeed, "deepspeed", "DeepSpeed, top k"},
    {CapacityRule::megatron, "megatron", "Megatron-LM"},
    {CapacityRule::megablocks, "megablocks", "MegaBlocks"},
    {CapacityRule::tutel, "tutel", "Tutel"},
    {CapacityRule::fastmoe, "fastmoe", "FastMoE"},
    {CapacityRule::nllb, "nllb", "NLLB-MoE in Hugging Face"},
    {CapacityRule::maxtext, "maxtext", "MaxText"},
    {CapacityRule::hunyuan, "hunyuan", "Hunyuan-A13B"},
};

struct Sizes {
  Index T, E, K;
  double factor;
};

constexpr Sizes kSizes[] = {{10, 4, 1, 1.25}, {10, 4, 2, 1.25}, {1024, 64, 2, 1.25}, {7, 8, 2, 1.0}, {1000, 64, 8, 1.0}};

struct PriorityRow {
  Priority priority;
  const char* name;
};

constexpr PriorityRow kPriorities[] = {
    {Priority::choice, "choice"}, {Priority::token, "token"}, {Priority::score, "score"}, {Priority::confidence, "confidence"}};

std::string number(Index i) { return fmt::format("{}", i); }

SparseLayer layer(Index C, Priority priority, Normalisation before, Normalisation after) {
  SparseLayer l{.router = small_router(2), .capacity = Capacity{.places = C, .priority = priority, .after = after},
                .experts = small_experts(), .shared = {}};
  l.router.config.normalisation = before;
  return l;
}

Recording run(const SparseLayer& l, const Matrix& x) {
  Recording trace;
  reference::sparse(l, x, &trace);
  return trace;
}

// The pairs of an expert with a row, or without: "1, 3".
std::string takers(const Recording& trace, Index e, bool kept) {
  std::vector<Index> tokens;
  for (Index t = 0; t < height(trace, "selected"); t++)
    for (Index k = 0; k < 2; k++)
      if (integer(trace, "selected", t, k) == e && (integer(trace, "positions", t, k) >= 0) == kept) tokens.push_back(t);
  return tokens.empty() ? "–" : list(tokens);
}

// A priority, and for each expert the tokens that find one of C places, a bar, those that do not.
std::vector<std::string> who_row(const PriorityRow& p, Index C, const Matrix& x) {
  const Recording trace = run(layer(C, p.priority, Normalisation::sum, Normalisation::none), x);
  std::vector<std::string> cells{fmt::format("`{}`", p.name)};
  for (Index e = 0; e < 3; e++) cells.push_back(takers(trace, e, true) + " \\| " + takers(trace, e, false));
  return cells;
}

}  // namespace

std::string capacity_rules() {
  std::vector<std::string> head{"rule", "counts as"};
  for (const Sizes& s : kSizes) head.push_back(fmt::format("{}, {}, {}, {}", s.T, s.E, s.K, s.factor));
  Table table(head);
  for (const RuleRow& r : kRules) {
    std::vector<std::string> cells{fmt::format("`{}`", r.name), r.code};
    for (const Sizes& s : kSizes) cells.push_back(number(places({.rule = r.rule, .factor = s.factor}, s.T, s.E, s.K)));
    table.row(cells);
  }
  return table.text();
}

std::string capacity_example() {
  const auto sum = Normalisation::sum, none = Normalisation::none;
  const SparseLayer l = layer(2, Priority::choice, sum, none);
  const Recording trace = run(l, small_tokens());
  std::string text = "**The choice** is that of [token choice](sparse.md): eight pairs of token and slot.\n\n";
  Table router({"token", "scores", "selected", "weights"});
  for (Index t = 0; t < 4; t++)
    router.row({number(t), row(trace, "scores", t), row(trace, "selected", t), row(trace, "weights", t)});
  text += router.text() + "\n**Who finds a place**, by priority. Numbers are tokens; those after the bar are dropped.\n\n";
  Table who({"priority", "expert 0", "expert 1", "expert 2"});
  for (const PriorityRow& p : kPriorities) who.row(who_row(p, 2, small_tokens()));
  text += who.text() + "\nThe same tokens in the order 3, 2, 1, 0, so that token 0 is the former token 3, and one place: `choice` takes the earliest first "
                       "choice, `confidence` the surest.\n\n";
  const Matrix reversed = small_tokens().colwise().reverse();
  Table turned({"priority", "expert 0", "expert 1", "expert 2"});
  for (const PriorityRow& p : kPriorities) turned.row(who_row(p, 1, reversed));
  text += turned.text() + "\n**What the weights become**, priority `choice`. A position of -1 has no row.\n\n";
  Table weights({"token", "selected", "positions", "divided before dropping", "never divided", "divided after dropping"});
  const Recording raw = run(layer(2, Priority::choice, none, none), small_tokens());
  const Recording after = run(layer(2, Priority::choice, none, sum), small_tokens());
  for (Index t = 0; t < 4; t++)
    weights.row({number(t), row(trace, "selected", t), row(trace, "positions", t), row(trace, "kept_weights", t),
                 row(raw, "kept_weights", t), row(after, "kept_weights", t)});
  text += weights.text() + "\n**How many places.** Priority `token`; divided before dropping.\n\n";
  Table many({"C", "rows", "positions of token 3", "output of token 3"});
  for (Index C = 0; C <= 4; C++) {
    const Recording with = run(layer(C, Priority::token, sum, none), small_tokens());
    many.row({number(C), number(height(with, "dispatched")), row(with, "positions", 3), row(with, "output", 3)});
  }
  SparseLayer free = l;
  free.capacity.reset();
  const Recording dropless = run(free, small_tokens());
  const Recording alone = run(l, small_tokens().topRows(1));
  return text + many.text() +
         fmt::format("\nWithout a limit token 3 gets {}, as with C = 4. And with priority `choice` and C = 2, token 0 alone gets {}; among "
                     "the four it gets {}, because later tokens took the place of its second choice.\n",
                     row(dropless, "output", 3), row(alone, "output", 0), row(trace, "output", 0));
}

std::string routed_example() {
  const Recording trace = run(layer(2, Priority::token, Normalisation::sum, Normalisation::none), small_tokens());
  return "**The experts.** Only pairs with a place are rows.\n\n" + experts_table(trace, "selected", "positions") +
         "\n**Back together.** Slots without a row are passed over.\n\n" + back_table(trace, "positions", "kept_weights");
}

}  // namespace moe::docs
