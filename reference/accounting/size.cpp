#include "reference/accounting/size.h"

#include <fmt/format.h>

#include <limits>

#include "reference/error.h"

namespace moe::accounting {
namespace {

constexpr Index kMost = std::numeric_limits<Index>::max();

std::string factor(const std::string& text, bool sum) {
  return sum ? "(" + text + ")" : text;
}

}  // namespace

Index plus(Index a, Index b) {
  if (a > kMost - b)
    throw Error(fmt::format("{} + {} is beyond 2^63 - 1: refused", a, b));
  return a + b;
}

Index times(std::initializer_list<Index> factors) {
  Index product = 1;
  for (const Index f : factors) {
    if (f != 0 && product > kMost / f)
      throw Error(
          fmt::format("{} x {} is beyond 2^63 - 1: refused", product, f));
    product *= f;
  }
  return product;
}

Index share(Index a, Index b, Index c) {
  __extension__ using Wide = __int128;
  const Wide rounded = (Wide{2} * a * b + c) / (Wide{2} * c);
  if (rounded > kMost)
    throw Error(
        fmt::format("{} x {} / {} is beyond 2^63 - 1: refused", a, b, c));
  return static_cast<Index>(rounded);
}

Index ceil_div(Index a, Index b) { return a / b + (a % b == 0 ? 0 : 1); }

Size::Size(std::string letter, Index value)
    : value_(value),
      letters_(std::move(letter)),
      numbers_(std::to_string(value)) {}

Size::Size(Index value)
    : value_(value),
      letters_(std::to_string(value)),
      numbers_(letters_) {}

Size operator*(const Size& a, const Size& b) {
  Size product(times({a.value_, b.value_}));
  product.letters_ = factor(a.letters_, a.sum_) + " " +
                     factor(b.letters_, b.sum_);
  product.numbers_ = factor(a.numbers_, a.sum_) + "·" +
                     factor(b.numbers_, b.sum_);
  return product;
}

Size operator+(const Size& a, const Size& b) {
  Size sum(plus(a.value_, b.value_));
  sum.letters_ = a.letters_ + " + " + b.letters_;
  sum.numbers_ = a.numbers_ + " + " + b.numbers_;
  sum.sum_ = true;
  return sum;
}

}  // namespace moe::accounting
