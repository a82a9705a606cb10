// The one kind of Python dictionary that a .npy header holds.
#pragma once
#include <string>
#include <string_view>

#include "reference/io/array.h"

namespace moe::io {

/// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct PythonDict {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

/// Parses exactly that, keys in any order, each once. Throws Error starting
/// with `place`.
PythonDict parse_python_dict(std::string_view text, const std::string& place);

}  // namespace moe::io
