#include "reference/accounting/bytes.h"

#include <fmt/format.h>

#include "reference/error.h"

namespace moe::accounting {
namespace {

constexpr const char* kNames[] = {"f32",  "f16",   "bf16",  "fp8",  "fp8_row",
                                  "int8", "mxfp4", "nvfp4", "int4",
                                  "int4_zero"};


}  // namespace

const char* name_of(Format format) {
  return kNames[static_cast<std::size_t>(format)];
}

std::vector<Format> all_formats() {
  std::vector<Format> all;
  for (std::size_t i = 0; i < std::size(kNames); i++)
    all.push_back(static_cast<Format>(i));
  return all;
}

Format format_named(std::string_view name) {
  for (const Format format : all_formats())
    if (name == name_of(format)) return format;
  throw Error(fmt::format("expected a format, one of {}, found '{}'",
                          fmt::join(kNames, ", "), name));
}

Index matrix_bytes(Format format, Index R, Index C) {
  const Index half = ceil_div(C, 2);  // two 4-bit numbers a byte
  switch (format) {
    case Format::f32:
      return times({4, R, C});
    case Format::f16:
    case Format::bf16:
      return times({2, R, C});
    case Format::fp8:
      return plus(times({R, C}),
                  times({4, ceil_div(R, 128), ceil_div(C, 128)}));
    case Format::fp8_row:
      return plus(times({R, C}), times({4, R}));
    case Format::int8:
      return plus(times({R, C}), times({2, R}));
    case Format::mxfp4:
      return times({R, plus(half, ceil_div(C, 32))});
    case Format::nvfp4:
      return plus(times({R, plus(half, ceil_div(C, 16))}), 4);
    case Format::int4:
      return times({R, plus(half, 2 * ceil_div(C, 128))});
    case Format::int4_zero:
      return plus(times({R, plus(half, 2 * ceil_div(C, 128))}),
                  ceil_div(times({R, ceil_div(C, 128)}), 2));
  }
  return 0;
}

Index copy_bytes(const Weight& weight, const Formats& formats) {
  if (weight.name == "correction") return times({4, weight.rows.value()});
  const bool product = weight.role == Role::product;
  const Format format =
      product ? formats.products[static_cast<std::size_t>(weight.component)]
              : formats.others;
  return matrix_bytes(format, weight.rows.value(), weight.cols.value());
}

Index weight_bytes(const Weight& weight, const Formats& formats) {
  return times(
      {copy_bytes(weight, formats), weight.copies.value(), weight.layers});
}

Index bytes_of(const std::vector<Weight>& list, const Formats& formats,
               Component component) {
  Index sum = 0;
  for (const Weight& w : list)
    if (w.component == component) sum = plus(sum, weight_bytes(w, formats));
  return sum;
}

Index bytes_of(const std::vector<Weight>& list, const Formats& formats) {
  Index sum = 0;
  for (const Weight& w : list) sum = plus(sum, weight_bytes(w, formats));
  return sum;
}

}  // namespace moe::accounting
