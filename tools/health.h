// How even a router's choices are, for a person and as JSON: reference/health.h on the stages of a trace.
#pragma once
#include <string>

#include "reference/layer.h"
#include "reference/trace.h"
#include "tools/output.h"

namespace moe::tools {

/// {"load":[tokens of each expert],"max_over_mean":1 even,"load_cv":0 even,"gini":0 even,"dead_experts":[...],"entropy":mean over the
/// tokens / log E,"entropy_of_mean":of the mean probabilities / log E,"drop_rate":0 without a limit on places,"balance":1 even}.
/// Probabilities are the softmax of the logits, or scores divided by their sum; balance is Megatron's row of docs/losses.md.
Json health_json(const SparseLayer& layer, const Recording& trace);

/// The same in one line.
std::string describe_health(const SparseLayer& layer, const Recording& trace);

}  // namespace moe::tools
