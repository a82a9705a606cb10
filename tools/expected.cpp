#include "tools/expected.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "check/bound.h"
#include "reference/error.h"
#include "reference/io/array_values.h"
#include "tools/run_tiers.h"

namespace moe::tools {
namespace {

template <typename A, typename B>
void expect_same_shape(const char* name, const A& expected, const B& found) {
  if (expected.rows() != found.rows() || expected.cols() != found.cols())
    throw Error(fmt::format("expected values of {} are [{},{}], but the layer's are [{},{}]", name, expected.rows(), expected.cols(),
                            found.rows(), found.cols()));
}

// Feeds one pair into a verdict. NaN passes nowhere.
void compare_value(Verdict& v, double expected, double found, double bound) {
  const double error = std::abs(found - expected);
  const double share = error == 0 ? 0 : error / bound;
  if (!(error <= bound)) v.mismatches++;
  if (v.compared == 0 || !(error <= v.max_abs_error)) {
    v.max_abs_error = error;
    v.bound = bound;
  }
  if (!(share <= v.share)) v.share = share;
  v.compared++;
}

double limit_of(const MatrixD& expected, double relative) {
  if (std::isinf(relative)) return relative;
  return expected.size() == 0 ? 0 : relative * expected.cwiseAbs().maxCoeff();
}

Verdict judge_numbers(const char* name, const MatrixD& expected, const Matrix& found, const MatrixD& bound, double relative) {
  expect_same_shape(name, expected, found);
  Verdict v{.name = name};
  const double limit = limit_of(expected, relative);
  for (Index i = 0; i < found.size(); i++)
    compare_value(v, expected.data()[i], static_cast<double>(found.data()[i]), std::min(bound.data()[i], limit));
  return v;
}

// The slot of a token that holds an expert, or -1.
Index slot_of(const IntMatrix& selected, Index t, std::int32_t expert) {
  for (Index k = 0; k < selected.cols(); k++)
    if (selected(t, k) == expert) return k;
  return -1;
}

Verdict judge_selected(const IntMatrix& expected, const IntMatrix& found, bool ordered) {
  expect_same_shape("selected", expected, found);
  Verdict v{.name = "selected", .compared = found.size()};
  for (Index t = 0; t < found.rows(); t++)
    for (Index k = 0; k < found.cols(); k++) {
      const bool same = ordered ? expected(t, k) == found(t, k) : slot_of(found, t, expected(t, k)) >= 0;
      v.mismatches += same ? 0 : 1;
    }
  return v;
}

// Weights belong to experts: each is compared with that of the same expert. Without an expected choice, slot by slot.
Verdict judge_weights(const Expected& expected, const IntMatrix& selected, const Matrix& found, const MatrixD& bound) {
  const MatrixD& w = *expected.weights;
  expect_same_shape("weights", w, found);
  Verdict v{.name = "weights"};
  const double limit = limit_of(w, expected.relative_limit);
  for (Index t = 0; t < found.rows(); t++)
    for (Index k = 0; k < found.cols(); k++) {
      const Index slot = expected.selected ? slot_of(selected, t, (*expected.selected)(t, k)) : k;
      const double value = slot < 0 ? std::nan("") : static_cast<double>(found(t, slot));  // an expert that was not chosen
      compare_value(v, w(t, k), value, slot < 0 ? 0 : std::min(bound(t, slot), limit));
    }
  return v;
}

IntMatrix to_choices(const io::Array& array, Index rows, Index columns, Index E) {
  io::expect_shape(array, {rows, columns});
  const std::vector<std::int32_t> values = io::to_i32(array);
  for (const std::int32_t e : values)
    if (e < 0 || e >= E) throw Error(fmt::format("{}: expected experts from 0 to {}, found {}", io::place_of(array), E - 1, e));
  return Eigen::Map<const IntMatrix>(values.data(), rows, columns);
}

}  // namespace

MatrixD rows_of(const io::Array& array, Index rows, Index columns) {
  Index before = 1, inner = 1;  // values of the axes that are rows, and of those that are columns
  std::size_t axes = array.shape.size();
  if (columns == 0 && axes > 0) inner = array.shape[--axes];  // no product tells where the rows end
  for (; axes > 0 && inner < columns; axes--) inner *= array.shape[axes - 1];
  for (; axes > 0; axes--) before *= array.shape[axes - 1];
  if (before != rows || inner != columns)
    throw Error(fmt::format("{}: expected {} rows of {} values, found {}", io::place_of(array), rows, columns, io::to_text(array.shape)));
  std::vector<double> values;
  if (array.dtype == io::DType::i64 || array.dtype == io::DType::i32) {
    const std::vector<std::int32_t> whole = io::to_i32(array);
    values.assign(whole.begin(), whole.end());
  } else {
    values = io::to_f64(array);
  }
  return Eigen::Map<const MatrixD>(values.data(), rows, columns);
}

namespace {

// The bounds of a layer that has derived ones; else infinite, so that the relative limit alone counts.
check::Bounded bounds_of(const Layer& layer, const Matrix& x, const Recording& trace) {
  const auto* sparse = std::get_if<SparseLayer>(&layer);
  if (sparse != nullptr && !sparse->capacity && sparse->router.config.later == LaterSlots::all)
    return check::bound(*sparse, x, integers(trace, "selected"));
  const LayerSizes size = sizes(layer);
  const auto unlimited = [&](Index columns) -> MatrixD {
    return MatrixD::Constant(x.rows(), columns, std::numeric_limits<double>::infinity());
  };
  return {.output = {}, .output_bound = unlimited(size.width), .weights = {}, .weights_bound = unlimited(size.chosen), .logits = {},
          .logits_bound = unlimited(size.experts)};
}

Verdict judge_other(const ExpectedArray& array, const Recording& trace, double relative) {
  const MatrixD found = array.found(trace);
  expect_same_shape(array.name.c_str(), array.values, found);
  Verdict v{.name = array.name};
  const double limit = array.exact ? 0 : limit_of(array.values, relative);
  for (Index i = 0; i < found.size(); i++) compare_value(v, array.values.data()[i], found.data()[i], limit);
  return v;
}

}  // namespace

std::vector<Verdict> judge(const Layer& layer, const Matrix& x, const Recording& trace, const Expected& expected) {
  std::vector<Verdict> verdicts;
  if (expected.empty()) return verdicts;
  const check::Bounded bounds = bounds_of(layer, x, trace);
  if (expected.output)
    verdicts.push_back(judge_numbers("output", *expected.output, numbers(trace, "output"), bounds.output_bound, expected.relative_limit));
  if (expected.selected) verdicts.push_back(judge_selected(*expected.selected, integers(trace, "selected"), expected.ordered));
  if (expected.weights)
    verdicts.push_back(judge_weights(expected, integers(trace, "selected"), numbers(trace, "weights"), bounds.weights_bound));
  if (expected.logits)
    verdicts.push_back(judge_numbers("logits", *expected.logits, numbers(trace, "logits"), bounds.logits_bound, expected.relative_limit));
  for (const ExpectedArray& array : expected.others) verdicts.push_back(judge_other(array, trace, expected.relative_limit));
  return verdicts;
}

Json expected_json(const std::vector<Verdict>& verdicts) {
  Json all = Json::object();
  for (const Verdict& v : verdicts) {
    Json& entry = all[v.name];
    if (v.name != "selected") {
      entry["max_abs_error"] = v.max_abs_error;
      entry["bound"] = v.bound;
      entry["share_of_bound"] = v.share;
      entry["outside"] = v.mismatches;
    } else {
      entry["mismatches"] = v.mismatches;
    }
    entry["compared"] = v.compared;
    entry["ok"] = v.ok();
  }
  return all;
}

std::string describe(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const Verdict& v : verdicts) {
    const std::string what = v.name == "selected"
                                 ? fmt::format("{} of {} choices agree", grouped(v.compared - v.mismatches), grouped(v.compared))
                                 : fmt::format("largest error {:.2g}, {:.2g} of the bound; {} of {} values within", v.max_abs_error,
                                               v.share, grouped(v.compared - v.mismatches), grouped(v.compared));
    text += fmt::format("  {} {}  {}\n", mark(v.ok()), left(v.name, 8), what);
  }
  return text;
}

bool all_ok(const std::vector<Verdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(), [](const Verdict& v) { return v.ok(); });
}

Expected read_expected(const io::ArrayTable& arrays, const ArrayNames& names, Index T, const LayerSizes& sizes) {
  Expected e;
  for (const std::string& name : {names.output, names.selected, names.weights, names.logits}) e.compared.insert(name);
  if (const io::Array* a = arrays.find(names.output)) e.output = rows_of(*a, T, sizes.width);
  if (const io::Array* a = arrays.find(names.selected)) e.selected = to_choices(*a, T, sizes.chosen, sizes.experts);
  if (const io::Array* a = arrays.find(names.weights)) e.weights = rows_of(*a, T, sizes.chosen);
  if (const io::Array* a = arrays.find(names.logits)) e.logits = rows_of(*a, T, sizes.experts);
  return e;
}

Capture read_capture(const io::ArrayTable& arrays, Index layer, const LayerSizes& sizes) {
  const std::string prefix = fmt::format("layers.{}.", layer);
  const io::Array& input = arrays.at(prefix + "input");
  if (input.shape.size() != 2)
    throw Error(fmt::format("{}: expected shape [T, {}], found {}", io::place_of(input), sizes.width, io::to_text(input.shape)));
  const Index T = input.shape[0];
  const ArrayNames names{prefix + "router_logits", prefix + "topk_idx", prefix + "topk_w", prefix + "output"};
  const std::vector<float> x = io::to_weights(input, {T, sizes.width}, NonFinite::refuse);
  return {Eigen::Map<const Matrix>(x.data(), T, sizes.width), read_expected(arrays, names, T, sizes)};
}

}  // namespace moe::tools
