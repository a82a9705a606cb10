// What the parts of `moe account` share: the question, and a model that was read and counted.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference/accounting/bytes.h"
#include "reference/accounting/counts.h"
#include "reference/accounting/hardware.h"
#include "tools/output.h"

namespace moe::tools {

/// The question, as typed.
struct AccountRequest {
  std::vector<std::string> models;   ///< config.json, folder or name
  std::string explain;               ///< a component, or empty
  std::string claims;                ///< a sentence, or empty
  bool checklist = false;            ///< what a report should state
  bool json = false;                 ///< one object instead of a report
  Index batch = 1;                   ///< sequences of a decode step, --batch
  Index context = 4096;              ///< tokens of each, --context
  std::string weights;               ///< a format, or empty: as stored
  std::string hardware = "h100";     ///< a row of hardware.h, or here
  Index ranks = 8;                   ///< of expert parallelism
  Index nodes = 1;                   ///< those ranks are spread over
  Index devices = 0;                 ///< that share a step; 0: as many as hold the weights
  Index tile = 64;                   ///< rows of an expert's product
  std::string trace;                 ///< .npz with `selected`, or empty
  double seconds = 0;                ///< a measured step, 0: none
};

/// A model, counted.
struct Accounted {
  std::string asked;           ///< as typed
  std::string label;           ///< short, for headings
  std::string folder;          ///< where its config lies, if that is a folder's config.json
  accounting::Model model;     ///< read
  accounting::Counts counts;   ///< counted
  accounting::Formats formats;  ///< of its weights, as asked
};

/// Everything beyond parameters, for one model and one question.
struct Costs {
  std::optional<accounting::Mixture> mixture;  ///< of the first layer that has one
  Index moe_layers = 0;                        ///< with experts
  Index devices = 1;                           ///< that share a step
  accounting::Hardware hardware;               ///< as asked
  Index weight_bytes = 0;                      ///< as stored or asked, without MTP
  Index checkpoint_bytes = 0;                  ///< with MTP and what is stored twice
  Index file_bytes = 0;                        ///< tensors of the folder's files; 0: none
  double touched = 0;                          ///< experts of one layer that the batch touches
  bool measured = false;                       ///< by a trace, not expected
  Index trace_tokens = 0;                      ///< of the trace
  std::vector<Index> load;                     ///< of the trace's experts
  double padding = 0;                          ///< share of computed rows that are padding
};
Costs costs_of(const AccountRequest& request, const Accounted& a);

/// Reads and counts what was typed. Throws Error if it is neither a file, a folder with config.json nor a known name.
Accounted account_for(const AccountRequest& request, const std::string& asked);

/// "7.2 %", with two digits that count.
std::string percent(double share);
/// 1.5e9 as "1.5 GB".
std::string bytes_text(double bytes);
/// A bar `share` of `width` columns long.
std::string share_bar(double share, int width);

/// Adds to the report, which is printed whole or, after an error, not at all.
void say(std::string_view text);

/// One model as text.
void print_account(const AccountRequest& request, const Accounted& a);
/// The part of it beyond parameters.
void print_costs(const AccountRequest& request, const Accounted& a);
/// One model as a JSON object.
Json account_json(const AccountRequest& request, const Accounted& a);
/// Several models beside each other.
void print_comparison(const AccountRequest& request, const std::vector<Accounted>& all);
/// Every number of a component, with its formula.
void print_explanation(const AccountRequest& request, const Accounted& a);
/// Each count of a sentence against every convention. False if one fits none.
bool print_claims(const std::string& sentence, const Accounted& a);
/// The same as the key claims.
bool add_claims(Json& json, const std::string& sentence, const Accounted& a);
/// What a report should state, and what this config leaves open.
void print_checklist(const Accounted& a);

}  // namespace moe::tools
