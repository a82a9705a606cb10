// What other software computed for a layer, and how far from it this library may lie.
#pragma once
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reference/io/array_table.h"
#include "reference/variants.h"
#include "reference/trace.h"
#include "tools/output.h"

namespace moe::tools {

/// Row-major matrix of binary64 numbers.
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// One more array and where a trace holds the same.
struct ExpectedArray {
  std::string name;  ///< of the verdict
  MatrixD values;
  std::function<MatrixD(const Recording&)> found;  ///< of the same shape
  bool exact = false;  ///< whole numbers: no distance at all
};

/// Expectations in binary64; whatever is absent is not compared.
struct Expected {
  std::optional<MatrixD> output;      ///< [T,D]
  std::optional<IntMatrix> selected;  ///< [T,K], best first
  std::optional<MatrixD> weights;     ///< [T,K], in the order of `selected`
  std::optional<MatrixD> logits;      ///< [T,E]
  std::vector<ExpectedArray> others;  ///< what only some variants have
  bool ordered = true;                ///< false: `selected` is a set, its order means nothing
  /// A value must also be this close, relative to the largest expected one of its array.
  double relative_limit = std::numeric_limits<double>::infinity();

  std::set<std::string> compared;  ///< names of the arrays that are, where the file has them

  bool empty() const { return !output && !selected && !weights && !logits && others.empty(); }
};

/// How one array compares with what was expected.
struct Verdict {
  std::string name;          ///< output, selected, weights or logits
  Index compared = 0;        ///< values, or choices
  Index mismatches = 0;      ///< of `selected`: choices that disagree; else values outside their bound
  double max_abs_error = 0;  ///< of numbers
  double bound = 0;          ///< in force where the error is largest
  double share = 0;          ///< largest error in units of the bound of its place
  bool ok() const { return mismatches == 0; }  // shapes are equal: what is empty was expected to be
};

/// Compares the stages of a trace with the expectations: choices must agree, a number may differ by the derived bound
/// (check/bound.h: token choice without a limit on places) and by the relative limit, whichever is smaller. Throws Error where a shape is not that of the trace.
std::vector<Verdict> judge(const Layer& layer, const Matrix& x, const Recording& trace, const Expected& expected);

/// {"output":{"max_abs_error":e,"bound":b,"ok":true},"selected":{"mismatches":0,"ok":true},...}
Json expected_json(const std::vector<Verdict>& verdicts);

/// One line per verdict for a person.
std::string describe(const std::vector<Verdict>& verdicts);

/// Are all of them ok?
bool all_ok(const std::vector<Verdict>& verdicts);

/// Names of the arrays that hold expectations.
struct ArrayNames {
  std::string logits, selected, weights, output;
};

/// Adds what the file holds about its kind of layer beyond output, choices, weights and logits: combine weights after dropping,
/// numbers of dropped slots and tokens, the scores and lists of expert choice, the mixtures of Soft MoE.
/// Throws Error naming file and array, expected and found.
void add_variant_arrays(const io::ArrayTable& arrays, const Layer& layer, Index T, Expected& expected);

/// Adds the auxiliary losses of token choice and of two levels, where the file's kind of layer has a convention for them.
void add_losses(const io::ArrayTable& arrays, const Layer& layer, const Matrix& x, Expected& expected);

/// The array of the file, or nullptr; it counts as compared.
const io::Array* to_compare(const io::ArrayTable& arrays, const std::string& name, Expected& expected);

/// Names of the arrays out.* that are not compared, with commas between them; empty if all are.
std::string not_compared(const io::ArrayTable& arrays, const Expected& expected);

/// Places in their experts of the slots [T,K] that found one (kept >= 0), counted slot by slot, then token by token, in each group of
/// tokens (0: all are one); else -1.
IntMatrix place_numbers(const IntMatrix& selected, const IntMatrix& kept, Index E, Index group);

/// The array as a matrix: its last axes must be `columns` values, whatever is before them `rows`.
MatrixD rows_of(const io::Array& array, Index rows, Index columns);

/// Reads those of the arrays that are there, for T tokens. Throws Error naming file and array, expected and found.
Expected read_expected(const io::ArrayTable& arrays, const ArrayNames& names, Index T, const LayerSizes& sizes);

/// What a file such as capture.safetensors holds about a layer: its input, and what should come out.
struct Capture {
  Matrix input;  ///< [T,D]
  Expected expected;
};

/// Reads the arrays layers.L.{input,router_logits,topk_idx,topk_w,output}; all but the input may be absent.
Capture read_capture(const io::ArrayTable& arrays, Index layer, const LayerSizes& sizes);

}  // namespace moe::tools
