// A model's description from its config.json.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "reference/accounting/model.h"

namespace moe::accounting {

/// Reads a config.json. Throws Error naming file and key: for a model_type
/// that is not known (listing those that are), a value that is missing, of
/// the wrong kind, or in contradiction to another, and for a key that looks
/// like a size and that this model_type is not known to have.
Model read_model(const std::string& path);

/// The same from its text; `place` is for messages.
Model parse_model(std::string_view text, const std::string& place);

/// Every model_type that is known, sorted.
std::vector<std::string> known_model_types();

}  // namespace moe::accounting
