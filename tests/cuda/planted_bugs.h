// Kernels with one mistake each, for proof that the emulator notices.
#pragma once
#include <functional>
#include <ostream>
#include <string>
#include <vector>

/// What a bug shows itself by.
enum class Needs {
  nothing,    ///< wrong bits or an Error, under at least one order of threads
  address,    ///< AddressSanitizer
  undefined,  ///< UndefinedBehaviorSanitizer
  thread,     ///< ThreadSanitizer
  no_bug,     ///< must never show
};

struct Bug {
  std::string name;
  std::function<bool()> is_right;  ///< runs the kernel; whether the result is the right one
  Needs needs = Needs::nothing;
  std::string message = "";  ///< what the Error says, if there is to be one
};

/// How a test's name shows it.
inline void PrintTo(const Bug& bug, std::ostream* out) { *out << bug.name; }

const std::vector<Bug>& planted_bugs();

/// The tier's own kernels, in the same form: no sanitizer may have anything to say about them.
const std::vector<Bug>& clean_kernels();

/// Runs it under the settings in force: "right", "wrong bits" or "Error: ...".
std::string outcome(const Bug& bug);
