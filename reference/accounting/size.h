// Numbers that know how they came about.
//
// A formula is written once, in C++: `h * a * d` with h = Size("h", 32) and
// so on. Its value is what is counted, its texts are what `--explain` shows:
//   value  16777216    letters  "h a d"    numbers  "32·128·4096"
// Every sum and product is checked: counts beyond 2^63 - 1 are refused.
#pragma once
#include <initializer_list>
#include <string>

#include "reference/types.h"

namespace moe::accounting {

/// a + b; throws Error naming both if the sum is beyond 2^63 - 1.
Index plus(Index a, Index b);

/// The product of all; throws Error naming two factors if it is too large.
Index times(std::initializer_list<Index> factors);

/// a * b / c rounded to the nearest whole number, without overflow between.
Index share(Index a, Index b, Index c);

/// a / b rounded up.
Index ceil_div(Index a, Index b);

/// A count and the formula it comes from.
class Size {
 public:
  /// A letter and its value.
  Size(std::string letter, Index value);
  /// A plain number, `2 * d`.
  Size(Index value);  // NOLINT: numbers are sizes

  Index value() const { return value_; }                  ///< the count
  const std::string& letters() const { return letters_; }  ///< "2 (h + g) a"
  const std::string& numbers() const { return numbers_; }  ///< "2·(32 + 8)·128"

  /// Checked product.
  friend Size operator*(const Size& a, const Size& b);
  /// Checked sum.
  friend Size operator+(const Size& a, const Size& b);

 private:
  Index value_;
  std::string letters_;
  std::string numbers_;
  bool sum_ = false;  // wants parentheses in a product
};

}  // namespace moe::accounting
