// A case: one line of text from which a layer and its tokens follow, on every machine alike.
//
//   variant=sparse preset=mixtral T=7 D=16 F=24 E=4 K=2 seed=0x2a gen=wild route=skew:0.9
//
// Printed on every failure; accepted by the command line, the tests and the fuzzer.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference/batch.h"
#include "reference/variants.h"

namespace moe::check {

/// How the numbers are drawn.
enum class Family {
  /// Small dyadic numbers: every partial sum of logits, hidden (before and after the activation) and expert_out is representable,
  /// so only indexing can make them differ. The argument is in check/case_values.h. A clamp at 7 becomes one at 128 for it.
  exact,
  normal,  ///< Gaussian, scaled like a trained layer
  /// Huge range, subnormals, zeros of both signs, products that cancel, tied logits. Inputs and weights are finite; one token in
  /// 32 is so large that its stages overflow to infinities and NaN, all others stay informative.
  wild,
};

/// How tokens spread over experts.
struct Route {
  /// The kinds.
  enum class Kind {
    uniform,  ///< no expert is preferred (but ties, frequent in family wild, go to low indices)
    skew,     ///< Zipf: the r-th expert is preferred by r^-exponent
    one,      ///< all tokens choose the same K experts
    empty,    ///< every second expert is chosen by nobody, as far as K allows
  };
  Kind kind = Kind::uniform;  ///< which of them
  double exponent = 0;        ///< of skew, 0 to 100

  /// Field by field.
  bool operator==(const Route&) const = default;
};

/// The case; every field has a default, so `preset=mixtral` alone is one.
struct Case {
  std::string variant = "sparse";  ///< the name of a Layer's alternative
  std::string preset = "mixtral";  ///< a row of reference/presets.cpp
  Index T = 5;   ///< tokens
  Index D = 16;  ///< model width
  Index F = 24;  ///< expert hidden width
  Index E = 8;   ///< experts
  Index K = 2;   ///< experts per token
  Index shared = 0;  ///< hidden width of the shared expert, 0: F, where the preset has one
  Index groups = 0;  ///< expert groups, 0: the preset's, made to divide E
  Index kept = 0;    ///< groups kept, 0: the preset's share, at least what K needs
  Index C = -1;      ///< places per expert: tokens it takes (expert_choice) or at most (sparse, hierarchical); -1: the preset's rule
  Index batch = 0;   ///< tokens that share places, choose or mix together; divides T; 0: all
  Index cap = 0;     ///< experts a token may have at most (expert_choice); 0: no cap
  Index S = 1;       ///< slots per expert (soft)
  Index inner = 0;   ///< experts per group (hierarchical), a divisor of E; 0: the largest up to the square root of E
  std::optional<Priority> priority;  ///< who takes a place first, where there is a limit; none: the preset's
  LaterSlots later = LaterSlots::all;    ///< which slots after the first are used; all: the preset's
  /// of the later slots that have one, 0 to 1e6, above 0 where they are random; none: the preset's if its rule is the same, else 1/4,
  /// and 1/2 of random
  std::optional<float> threshold;
  bool training = false;  ///< the noise of training, the balance of BASE, the draw of SparseMixer
  std::uint64_t seed = 1;          ///< of all numbers
  Family family = Family::normal;  ///< `gen=` in the line
  Route route;                     ///< `route=` in the line

  /// The line; parse_case(text()) gives the same case back.
  std::string text() const;

  /// Field by field.
  bool operator==(const Case&) const = default;
};

/// Most values that layer and tokens of a case may have together.
inline constexpr Index kMostValues = Index{1} << 32;

/// Reads a line. Throws Error naming the word that is wrong and what was expected.
Case parse_case(std::string_view line);

/// Throws Error naming the field if the case makes no sense, or has more than kMostValues values.
void validate(const Case& c);

/// The layer of a case (its preset with its sizes, weights drawn by element with Philox). Weights of expert e do not depend on E.
Layer make_layer(const Case& c);
/// That of a case of variant sparse.
SparseLayer make_sparse_layer(const Case& c);
/// Its tokens, x [T,D]. Row t does not depend on T.
Matrix make_tokens(const Case& c);
/// What else its call says: token ids [T] and where draws come from. Id t does not depend on T.
Batch make_batch(const Case& c);
/// Rows of a router's table of token ids.
inline constexpr Index kVocabulary = 61;

/// The limit to expert groups that the case comes to: count divides E, kept groups hold at least K experts.
GroupLimit group_limit(const Case& c);
/// Experts by how much the route prefers them, best first. Groups follow one another, so that the first K experts are in as few
/// groups as possible.
std::vector<Index> by_preference(const Case& c);
/// [E] which experts route=empty avoids: those of odd index within their group, or, where that leaves too few for K or nobody out, as many
/// groups or experts of odd index as can be spared.
std::vector<bool> avoided(const Case& c);

}  // namespace moe::check
