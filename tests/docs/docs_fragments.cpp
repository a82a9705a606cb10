// docs_fragments [NAME]: prints one fragment, or with --write FOLDER writes all of them.
#include "tests/docs/docs_fragments.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

namespace moe::docs {

Table::Table(std::vector<std::string> head) {
  row(head);
  for (std::string& cell : head) cell = "---";
  row(head);
}

void Table::row(const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) text_ += fmt::format("| {} ", cell);
  text_ += "|\n";
}

std::string decimal(float x) { return fmt::format("{}", x); }
std::string hexadecimal(float x) { return fmt::format("{:a}", x); }

}  // namespace moe::docs

int main(int count, char** arguments) {
  using namespace moe::docs;
  const std::vector<Fragment> fragments = {{"presets", presets_table},
                                           {"variants", variants_table},
                                           {"cost", cost_table},
                                           {"worked_example", worked_example},
                                           {"dense_example", dense_example},
                                           {"expert_choice_example", expert_choice_example},
                                           {"soft_example", soft_example},
                                           {"hierarchical_example", hierarchical_example},
                                           {"mixture_tree_example", mixture_tree_example},
                                           {"capacity_rules", capacity_rules},
                                           {"capacity_example", capacity_example},
                                           {"routed_example", routed_example},
                                           {"router_choice_example", router_choice_example},
                                           {"shared_example", shared_example},
                                           {"losses_example", losses_example},
                                           {"disagreements", disagreements},
                                           {"traps", traps},
                                           {"accounting_mixtral", accounting_mixtral},
                                           {"accounting_deepseek", accounting_deepseek},
                                           {"accounting_gpt_oss", accounting_gpt_oss},
                                           {"accounting_models", accounting_models},
                                           {"accounting_published", accounting_published},
                                           {"accounting_misreadings", accounting_misreadings},
                                           {"accounting_mistakes", accounting_mistakes},
                                           {"accounting_touched", accounting_touched},
                                           {"accounting_bytes", accounting_bytes},
                                           {"accounting_bounds", accounting_bounds},
                                           {"total_against_active.svg", total_against_active},
                                           {"decode_bytes_over_batch.svg", decode_bytes_over_batch},
                                           {"component_shares.svg", component_shares}};
  const std::string first = count > 1 ? arguments[1] : "";
  if (first == "--write" && count == 3) {
    for (const Fragment& fragment : fragments) {
      const bool whole_name = fragment.name.find('.') != std::string::npos;
      std::ofstream file(std::string(arguments[2]) + "/" + fragment.name + (whole_name ? "" : ".md"));
      file << fragment.text();
      if (!file.flush()) {
        fmt::print(stderr, "docs_fragments: cannot write {}/{}\n", arguments[2], fragment.name);
        return 2;
      }
    }
    return 0;
  }
  for (const Fragment& fragment : fragments)
    if (first == fragment.name && count == 2) {
      std::fputs(fragment.text().c_str(), stdout);
      return 0;
    }
  fmt::print(stderr, "usage: docs_fragments NAME | --write FOLDER; names:");
  for (const Fragment& fragment : fragments) fmt::print(stderr, " {}", fragment.name);
  fmt::print(stderr, "\n");
  return 2;
}
