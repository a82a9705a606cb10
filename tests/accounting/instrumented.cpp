// The sources of reference/ are compiled here a second time, word for word, with `float` standing for a type that counts, in a
// namespace of their own. What they include from outside is included before, so that only their own text sees the other meaning.
#include "tests/accounting/instrumented.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reference/numerics/elementary.h"
#include "reference/numerics/philox.h"
#include "reference/numerics/place_in_line.h"
#include "reference/numerics/top_k_key.h"

namespace {

moe::test::Done done;

/// A binary32 number whose operations are counted; laid out like one.
struct Counted {
  float value;
  Counted() = default;
  Counted(float v) : value(v) {}                        // NOLINT
  Counted(double v) : value(static_cast<float>(v)) {}   // NOLINT
  Counted(int v) : value(static_cast<float>(v)) {}      // NOLINT
  Counted(long v) : value(static_cast<float>(v)) {}     // NOLINT
  friend Counted operator+(Counted a, Counted b) { return done.additions++, a.value + b.value; }
  friend Counted operator-(Counted a, Counted b) { return done.additions++, a.value - b.value; }
  friend Counted operator*(Counted a, Counted b) { return done.multiplications++, a.value * b.value; }
  friend Counted operator/(Counted a, Counted b) { return done.divisions++, a.value / b.value; }
  friend Counted operator-(Counted a) { return -a.value; }
  friend bool operator<(Counted a, Counted b) { return a.value < b.value; }
  friend bool operator>(Counted a, Counted b) { return a.value > b.value; }
  friend bool operator<=(Counted a, Counted b) { return a.value <= b.value; }
  friend bool operator>=(Counted a, Counted b) { return a.value >= b.value; }
  friend bool operator==(Counted a, Counted b) { return a.value == b.value; }
  friend bool operator!=(Counted a, Counted b) { return a.value != b.value; }
};
static_assert(sizeof(Counted) == sizeof(float) && alignof(Counted) == alignof(float));

}  // namespace

namespace std {
template <>
struct numeric_limits<Counted> : numeric_limits<float> {
  static Counted infinity() { return numeric_limits<float>::infinity(); }
};
inline Counted fma(Counted a, Counted b, Counted c) { return done.fused++, fma(a.value, b.value, c.value); }
inline Counted sqrt(Counted a) { return done.roots++, sqrt(a.value); }
inline Counted fabs(Counted a) { return fabs(a.value); }
}  // namespace std

namespace Eigen {
template <>
struct NumTraits<Counted> : GenericNumTraits<Counted> {
  enum { IsComplex = 0, IsInteger = 0, IsSigned = 1, RequireInitialization = 0, ReadCost = 1, AddCost = 1, MulCost = 1 };
};
}  // namespace Eigen

namespace counted_moe::numerics {
using moe::numerics::by_choice;
using moe::numerics::by_token;
using moe::numerics::goes_before;
using moe::numerics::PlaceInLine;
inline PlaceInLine by_score(std::uint32_t t, std::uint32_t k, Counted s) { return moe::numerics::by_score(t, k, s.value); }
inline PlaceInLine by_confidence(std::uint32_t t, std::uint32_t k, Counted s) { return moe::numerics::by_confidence(t, k, s.value); }
inline Counted exp(Counted x) { return done.functions++, moe::numerics::exp(x.value); }
inline Counted softplus(Counted x) { return done.functions++, moe::numerics::softplus(x.value); }
inline Counted sigmoid(Counted x) { return done.functions++, moe::numerics::sigmoid(x.value); }
inline Counted silu(Counted x) { return done.functions++, moe::numerics::silu(x.value); }
inline Counted gelu(Counted x) { return done.functions++, moe::numerics::gelu(x.value); }
inline Counted gelu_tanh(Counted x) { return done.functions++, moe::numerics::gelu_tanh(x.value); }
using moe::numerics::Stream;
inline std::uint32_t random_word(const Stream& s, std::uint64_t e) { return done.draws++, moe::numerics::random_word(s, e); }
inline Counted random_uniform(const Stream& s, std::uint64_t e) { return done.draws++, moe::numerics::random_uniform(s, e); }
inline Counted random_normal(const Stream& s, std::uint64_t e) { return done.draws++, moe::numerics::random_normal(s, e); }
inline Counted random_gumbel(const Stream& s, std::uint64_t e) { return done.draws++, done.functions += 2, moe::numerics::random_gumbel(s, e); }
inline std::uint64_t top_k_key(Counted score, std::uint32_t index) { return moe::numerics::top_k_key(score.value, index); }
}  // namespace counted_moe::numerics

#define float Counted
#define moe counted_moe
#include "reference/activation.cpp"
#include "reference/capacity.cpp"
#include "reference/combine.cpp"
#include "reference/dispatch.cpp"
#include "reference/dispatch_capacity.cpp"
#include "reference/expert.cpp"
#include "reference/linear.cpp"
#include "reference/routed.cpp"
#include "reference/router.cpp"
#include "reference/router_choice.cpp"
#include "reference/router_near_tie.cpp"
#include "reference/router_noise.cpp"
#include "reference/router_scores.cpp"
#include "reference/router_selection.cpp"
#include "reference/router_weights.cpp"
#include "reference/shared.cpp"
#include "reference/sparse.cpp"
#include "reference/trace.cpp"
#undef moe
#undef float

namespace counted_moe {

// Checks are not work; those of the caller's layer were made by the real ones.
void validate(const SparseLayer&) {}
void validate_input(const SparseLayer&, const ConstMatrix&) {}
LayerSizes sizes(const SparseLayer& layer) {
  const Ffn& f = layer.experts.ffn.front();
  return {count(layer.experts), layer.router.weight.cols(), f.up.rows(), layer.router.config.chosen, 0};
}
std::vector<Index> balanced_assignment(const ConstMatrix&) { throw std::logic_error("the work of an auction is not counted"); }

}  // namespace counted_moe

namespace moe::test {

// A SparseLayer of counted numbers has the bytes of one of plain numbers, as a Batch has, which holds none: the number types do, and nothing else differs.
Done run_instrumented(const void* layer, std::size_t layer_bytes, const float* x, std::int64_t T, std::int64_t D, const void* batch,
                      std::size_t batch_bytes, float* output) {
  using Layer = counted_moe::SparseLayer;
  using counted_moe::Batch;
  if (layer_bytes != sizeof(Layer)) throw std::logic_error("the instrumented layer is laid out differently");
  if (batch_bytes != sizeof(Batch)) throw std::logic_error("the instrumented batch is laid out differently");
  counted_moe::Matrix tokens(T, D);
  for (std::int64_t i = 0; i < T * D; i++) tokens.data()[i] = x[i];
  counted_moe::Recording trace;
  done = {};
  const counted_moe::Matrix y = counted_moe::reference::sparse(*static_cast<const Layer*>(layer), tokens, &trace, *static_cast<const Batch*>(batch));
  Done result = done;
  for (const counted_moe::Stage& stage : trace.stages)
    result.trace_bytes += 4 * std::visit([](const auto& v) { return static_cast<std::int64_t>(v.size()); }, stage.values);
  for (std::int64_t i = 0; i < T * D; i++) output[i] = y.data()[i].value;
  return result;
}

}  // namespace moe::test
