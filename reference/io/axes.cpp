#include "reference/io/axes.h"

namespace moe::io {
namespace {

Index size_of_axis(char letter, const AxisSizes& sizes) {
  if (letter == '1' || letter == '2') return letter - '0';
  return sizes.at(letter);
}

bool is_axis(char c) {
  return c != ' ' && c != '(' && c != ')';
}

}  // namespace

Shape stored_shape(std::string_view axes, const AxisSizes& sizes) {
  Shape shape;
  bool inside = false;  // a bracket that has its first letter already
  bool bracket = false;
  for (const char c : axes) {
    if (c == '(') bracket = true;
    if (c == ')') bracket = inside = false;
    if (!is_axis(c)) continue;
    if (inside)
      shape.back() *= size_of_axis(c, sizes);
    else
      shape.push_back(size_of_axis(c, sizes));
    inside = bracket;
  }
  return shape;
}

AxisView::AxisView(std::string_view axes, const AxisSizes& sizes,
                   std::vector<float> values)
    : sizes_(sizes), values_(std::move(values)) {
  Index stride = 1;
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (!is_axis(axes[i])) continue;
    strides_[axes[i]] = stride;
    stride *= size_of_axis(axes[i], sizes);
  }
}

Index AxisView::stride(char letter) const {
  const auto found = strides_.find(letter);
  return found == strides_.end() ? 0 : found->second;
}

Matrix AxisView::matrix(char rows, char columns, Index half) const {
  Matrix m(size_of_axis(rows, sizes_), size_of_axis(columns, sizes_));
  const Index start = half * stride('2');
  const Index down = stride(rows);
  const Index right = stride(columns);
  for (Index r = 0; r < m.rows(); ++r)
    for (Index c = 0; c < m.cols(); ++c)
      m(r, c) = values_[std::size_t(start + r * down + c * right)];
  return m;
}

Vector AxisView::vector(char axis, Index half) const {
  return matrix(axis, '1', half).col(0);
}

}  // namespace moe::io
