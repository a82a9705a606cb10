// What the documents show and a person did not type: tables and numbers, computed and printed as Markdown.
#pragma once
#include <string>
#include <vector>

namespace moe::docs {

/// One generated file of docs/generated.
struct Fragment {
  std::string name;         ///< docs/generated/NAME.md, or NAME where it has an ending
  std::string (*text)();    ///< computes it
};

/// Presets of token choice: scores, choice and weights in words.
std::string presets_table();
/// Every preset with all its switches and published sizes.
std::string variants_table();
/// Parameters and arithmetic of one layer at the published sizes of each preset of token choice.
std::string cost_table();
/// Token choice on four tokens and three experts, from a trace.
std::string worked_example();
/// The other variants on the same four tokens.
std::string dense_example();
std::string expert_choice_example();
std::string soft_example();
std::string hierarchical_example();
std::string mixture_tree_example();
/// Places by each rule at the sizes where the rules differ.
std::string capacity_rules();
/// Four tokens, three experts, two places each: who is dropped, and what the weights become.
std::string capacity_example();
/// The rows of a layer that drops, and their way back.
std::string routed_example();
/// Routers that draw, look up or divide evenly; and the ways a shared expert joins.
std::string router_choice_example();
std::string shared_example();
/// Four tokens, three experts: counts, loads, the losses of several conventions, the next bias.
std::string losses_example();
/// The same logits under rules that are said to be equal.
std::string disagreements();
/// One rule of the numerics contract a row, and what breaking it does.
std::string traps();

/// Cost: three models worked through, all of them, and what is said of them.
std::string accounting_mixtral();
std::string accounting_deepseek();
std::string accounting_gpt_oss();
std::string accounting_models();
std::string accounting_published();
std::string accounting_misreadings();
std::string accounting_mistakes();
std::string accounting_touched();
std::string accounting_bytes();
std::string accounting_bounds();
/// Cost, drawn.
std::string total_against_active();
std::string decode_bytes_over_batch();
std::string component_shares();

/// A Markdown table.
class Table {
 public:
  explicit Table(std::vector<std::string> head);
  void row(const std::vector<std::string>& cells);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Shortest decimal that reads back as the same binary32 number.
std::string decimal(float x);
/// The same number in hexadecimal floating point.
std::string hexadecimal(float x);

}  // namespace moe::docs
