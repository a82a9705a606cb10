// A trace as .npz: one array for each stage, under the stage's name.
#pragma once
#include <string>

#include "reference/trace.h"

namespace moe::io {

/// Writes every stage, float32 or int32, whole or not at all. Throws Error
/// naming the path, also for a trace without stages or with one twice.
void write_trace(const std::string& path, const Recording& trace);

/// Reads such a file, stages in the file's order. Throws Error naming file
/// and stage for arrays of other types.
Recording read_trace(const std::string& path);

}  // namespace moe::io
