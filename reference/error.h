// The one exception of the library, and the check that throws it.
#pragma once
#include <stdexcept>
#include <string>

namespace moe {

/// Bad input. The message names the place, what was expected and what came.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error{message} unless `holds`. Build expensive messages only on
/// failure: `if (!ok) throw Error(...)`.
inline void require(bool holds, const std::string& message) {
  if (!holds) throw Error(message);
}

}  // namespace moe
