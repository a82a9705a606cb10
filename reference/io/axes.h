// How the axes of a stored tensor lie, in the project's letters.
//
//   "F D"        [F,D]
//   "E (2 F) D"  [E,2F,D], of each expert F gate rows, then F up rows
//   "E D (F 2)"  [E,D,2F], gate and up interleaved
//   "(E F) D"    [E F,D], the experts one below the other
#pragma once
#include <map>
#include <string_view>
#include <vector>

#include "reference/trace.h"

namespace moe::io {

/// Size of each axis, by its letter.
using AxisSizes = std::map<char, Index>;

/// Shape of a tensor whose axes are written so: a bracket is one stored axis.
Shape stored_shape(std::string_view axes, const AxisSizes& sizes);

/// Numbers that lie in some order of axes.
class AxisView {
 public:
  AxisView(std::string_view axes, const AxisSizes& sizes,
           std::vector<float> values);

  /// The matrix [rows,columns] at half 0 or 1 of the axis "2". The letter '1'
  /// is an axis of size 1.
  Matrix matrix(char rows, char columns, Index half = 0) const;

  /// Is it an axis of these?
  bool has(char axis) const { return strides_.contains(axis); }

  /// The vector [axis] at that half.
  Vector vector(char axis, Index half = 0) const;

 private:
  Index stride(char letter) const;

  AxisSizes sizes_;
  std::map<char, Index> strides_;
  std::vector<float> values_;
};

}  // namespace moe::io
