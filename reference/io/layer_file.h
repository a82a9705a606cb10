// A layer file: one MoE layer with inputs and what other software computed
// from them, in a .npz.
//
//   meta   a U8 array that holds JSON: what kind of layer, which choices
//   in.*   weights and tokens, F32
//   out.*  expectations, F64 or I64
#pragma once
#include <string>
#include <vector>

#include "reference/io/array_table.h"
#include "reference/variants.h"

namespace moe::io {

/// A layer file.
struct LayerFile {
  /// topk, capacity, top2_capacity, expert_choice, soft or
  /// hierarchical_top2_capacity.
  std::string kind;
  std::string name;    ///< the file's own name for itself, or empty
  std::string source;  ///< whose code computed the expectations, or empty
  Layer layer;         ///< choices and weights
  Matrix x;            ///< [T,D], groups one after another
  /// Every array of the file; expectations are "out.y", "out.topk_idx", ...
  ArrayTable arrays;
  /// Keys of meta that mean nothing to this reader, for a warning.
  std::vector<std::string> ignored_keys;
};

/// Reads a layer file.
///   Throws Error naming the file and the array or key, expected and found:
///   another kind (the message names it and those that are supported), values
///   that are not defined, arrays that are missing, unknown, or of the wrong
///   shape or type, K > E, weights that are not finite (unless allowed).
LayerFile read_layer_file(const std::string& path,
                          NonFinite nonfinite = NonFinite::refuse);

}  // namespace moe::io
