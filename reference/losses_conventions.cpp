// The conventions of the balance loss as data: one row each.
#include <string>

#include "reference/error.h"
#include "reference/losses.h"

namespace moe::reference {

namespace {

// Where the mask is true.
std::vector<Index> places_of(const std::vector<bool>& real, Index T) {
  if (static_cast<Index>(real.size()) != T)
    throw Error("losses: padding mask: expected " + std::to_string(T) +
                " tokens, found " + std::to_string(real.size()));
  std::vector<Index> places;
  for (Index t = 0; t < T; t++)
    if (real[static_cast<std::size_t>(t)]) places.push_back(t);
  return places;
}

}  // namespace

std::span<const Balance> balances() {
  constexpr Counted first = Counted::first_choice;
  constexpr Counted all = Counted::all_choices;
  // name, used by, counted, / K, scores / their sum, per sequence
  static constexpr Balance table[] = {
      {"switch", "Switch, Mesh top-1", first, false, false, false},
      {"switch_sequence", "Hugging Face Switch", first, false, false, true},
      {"gshard", "GShard: Mesh, Lingvo, DeepSpeed top-2; V-MoE", first, false,
       false, false},
      {"flaxformer", "flaxformer, Hunyuan", all, false, false, false},
      {"hugging_face", "load_balancing_loss_func: Mixtral, Qwen, ...", all,
       false, false, false},
      {"deepspeed_topk", "DeepSpeed top-K", all, true, false, false},
      {"megatron", "Megatron, MegaBlocks", all, true, false, false},
      {"deepseek_moe", "DeepSeekMoE", all, true, false, false},
      {"deepseek_v2", "DeepSeek-V2", all, true, false, true},
      {"deepseek_v3", "DeepSeek-V3", all, true, true, true},
  };
  return table;
}

const Balance& balance_named(std::string_view name) {
  std::string known;
  for (const Balance& row : balances()) {
    if (row.name == name) return row;
    known.append(" ").append(row.name);
  }
  throw Error("losses: expected a balance loss among" + known + "; found " +
              std::string(name));
}

Index balanced_value(const Balance& balance, Index K) {
  const bool counts_all = balance.counted == Counted::all_choices;
  return counts_all && !balance.divided_by_choices ? K : 1;
}

Matrix real_tokens(const ConstMatrix& rows, const std::vector<bool>& real) {
  return rows(places_of(real, rows.rows()), Eigen::all);
}

IntMatrix real_choices(const IntMatrix& rows, const std::vector<bool>& real) {
  return rows(places_of(real, rows.rows()), Eigen::all);
}

}  // namespace moe::reference
