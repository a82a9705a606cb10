// What the parts of `moe account` share: the question, and a model that was read and counted.
#pragma once
#include <string>
#include <vector>

#include "reference/accounting/counts.h"
#include "tools/output.h"

namespace moe::tools {

/// The question, as typed.
struct AccountRequest {
  std::vector<std::string> models;  ///< config.json, folder or name
  std::string explain;              ///< a component, or empty
  std::string claims;               ///< a sentence, or empty
  bool checklist = false;           ///< what a report should state
  bool json = false;                ///< one object instead of a report
};

/// A model, counted.
struct Accounted {
  std::string asked;           ///< as typed
  std::string label;           ///< short, for headings
  std::string folder;          ///< where its config lies, if that is a checkpoint's folder
  accounting::Model model;     ///< read
  accounting::Counts counts;   ///< counted
};

/// Reads and counts what was typed. Throws Error if it is neither a file, a folder with config.json nor a known name.
Accounted account_for(const std::string& asked);

/// "7.2 %", with two digits that count.
std::string percent(double share);

/// One model as text.
void print_account(const AccountRequest& request, const Accounted& a);
/// One model as a JSON object.
Json account_json(const AccountRequest& request, const Accounted& a);

}  // namespace moe::tools
