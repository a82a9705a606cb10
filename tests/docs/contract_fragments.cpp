// The numerics contract by example: the rule's value beside what its nearest violation gives.
#include <fmt/format.h>

#include <cmath>

#include "reference/linear.h"
#include "reference/numerics/elementary.h"
#include "reference/numerics/formats.h"
#include "reference/presets.h"
#include "reference/router.h"
#include "tests/docs/docs_fragments.h"

namespace moe::docs {
namespace {

std::string both(float x) { return fmt::format("{} (`{}`)", decimal(x), hexadecimal(x)); }

std::string list(const std::vector<float>& values) {
  std::string text;
  for (const float x : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", x);
  return text;
}

std::string list(const std::vector<Index>& values) {
  std::string text;
  for (const Index e : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", e);
  return text;
}

// The first x = 1, 1 + 2^-20, ... at which f and g differ.
float first_difference(float (*f)(float), float (*g)(float)) {
  float x = 1;
  while (numerics::same(f(x), g(x))) x += 0x1p-20F;
  return x;
}

float silu(float x) { return numerics::silu(x); }
float silu_of_two(float x) { return x * numerics::sigmoid(x); }

void sums(Table& table) {
  const float a = 1 + 0x1p-12F, c = -1 - 0x1p-11F;
  table.row({"product and sum are rounded once: fma(a, b, c)", "a = b = 1 + 2^-12, c = -1 - 2^-11", both(std::fma(a, a, c)),
             "round the product too: " + both(a * a + c)});
  const float terms[] = {1, 0x1p-24F, 0x1p-24F}, ones[] = {1, 1, 1};
  const float up = reference::inner_product(terms, ones, 3, 0);
  const float down = std::fma(terms[0], 1.0F, std::fma(terms[1], 1.0F, terms[2]));
  table.row({"k ascends", "terms 1, 2^-24, 2^-24", both(up), "from the last: " + both(down)});
  const float bias_first = reference::inner_product(terms + 1, ones, 2, 1), bias_last = reference::inner_product(terms + 1, ones, 2, 0) + 1;
  table.row({"the chain starts from the bias", "bias 1, terms 2^-24, 2^-24", both(bias_first), "add it last: " + both(bias_last)});
  const float tiny = -0x1p-100F, zero = 0;
  const float underflown = std::fma(tiny, 0x1p-100F, zero), padded = std::fma(zero, zero, underflown);
  table.row({"no term may be padded in", "-2^-100 · 2^-100", both(underflown), "then + 0 · 0: " + both(padded)});
}

void functions(Table& table) {
  const float x = first_difference(silu, silu_of_two);
  table.row({"silu is one function, rounded once", "x = " + decimal(x), both(silu(x)), "x · sigmoid(x): " + both(silu_of_two(x))});
  const float y = first_difference([](float v) { return numerics::rsqrt(v); }, [](float v) { return 1 / std::sqrt(v); });
  table.row({"rsqrt is one function, rounded once", "x = " + decimal(y), both(numerics::rsqrt(y)), "1 / sqrt(x): " + both(1 / std::sqrt(y))});
}

void choices(Table& table) {
  const std::vector<float> tie = {0.25F, 0.5F, 0.5F, 0.125F};
  table.row({"equal scores go to the smaller index", list(tie), "expert " + list(reference::top_k(tie, 1)), "`>=` for `>`: expert 2"});
  const std::vector<float> zeros = {-1, -0.0F, 0.0F};
  table.row({"-0 equals +0", list(zeros), "expert " + list(reference::top_k(zeros, 1)), "order by bits: expert 2"});
  const std::vector<float> nan = {NAN, -1, -2};
  table.row({"NaN ranks last", list(nan), "experts " + list(reference::top_k(nan, 2)), "`!(a < b)`: expert 0 first"});
  const float odd_nan = numerics::from_bits(0x7fffffffU);
  const auto naive = static_cast<std::uint16_t>((numerics::bits(odd_nan) + 0x7fff + 1) >> 16);
  table.row({"bf16 keeps NaN a NaN", "bits 0x7fffffff", fmt::format("0x{:04x}", numerics::bf16_encode(odd_nan)),
             fmt::format("round its bits: 0x{:04x}, which is {}", naive, decimal(numerics::bf16_decode(naive)))});
}

}  // namespace

std::string traps() {
  Table table({"rule", "input", "contract", "broken"});
  sums(table);
  functions(table);
  choices(table);
  return table.text();
}

std::string disagreements() {
  const std::vector<float> z = {0.5F, -1, 2, 1.5F, 0, -0.5F};
  RouterConfig after{.chosen = 2, .normalisation = Normalisation::sum};
  RouterConfig before{.chosen = 2, .score = Score::logit, .raw_weight = RawWeight::softmax_of_chosen};
  RouterConfig raw{.chosen = 2};
  RouterConfig sigmoid{.chosen = 2, .score = Score::sigmoid, .normalisation = Normalisation::sum};
  Table table({"rule", "preset of that kind", "weights", "sum"});
  const auto add = [&](const char* rule, const char* preset, const RouterConfig& config) {
    const std::vector<float> s = reference::scores(config.score, z);
    const std::vector<float> w = reference::weights(config, z, s, reference::top_k(s, 2));
    table.row({rule, preset, fmt::format("{} (`{}`), {} (`{}`)", decimal(w[0]), hexadecimal(w[0]), decimal(w[1]), hexadecimal(w[1])),
               decimal(w[0] + w[1])});
  };
  add("softmax, choose, divide by the sum", "`mixtral` (as in Hugging Face), `qwen3_moe`, `dbrx`", after);
  add("choose, softmax over the chosen", "`gpt_oss`, `granite`; Mixtral's own code", before);
  add("softmax, choose, leave", "`olmoe`, `qwen2_moe`, `deepseek_v2`", raw);
  add("sigmoid, choose, divide by the sum", "`deepseek_v3` without its scale", sigmoid);
  // The first two logits (2, 1 + 2^-10 i) for which the first two rules part.
  std::vector<float> two = {2, 1}, first, second;
  do {
    two[1] += 0x1p-10F;
    const auto with = [&](const RouterConfig& r) { return reference::weights(r, two, reference::scores(r.score, two), {0, 1}); };
    first = with(after);
    second = with(before);
  } while (first == second);
  const std::string parting = fmt::format(
      "\nThe first two rules are one in the real numbers, and here even in bits; they part at other logits. For {} the first gives "
      "`{}`, `{}`, the second `{}`, `{}`.\n", list(two), hexadecimal(first[0]), hexadecimal(first[1]), hexadecimal(second[0]),
      hexadecimal(second[1]));
  std::string text = fmt::format("Logits {}; experts 2 and 3 are chosen by every rule.\n\n{}", list(z), table.text() + parting);

  Router grouped;
  grouped.config = {.chosen = 4, .key = SelectionKey::score_plus_bias,
                    .groups = {.count = 2, .kept = 1, .score = GroupScore::sum_of_top2}};
  const std::vector<float> s = {.40F, .35F, .05F, .06F, .30F, .31F, .02F, .03F};
  grouped.selection_bias = Vector::Zero(8);
  grouped.selection_bias[2] = grouped.selection_bias[3] = -0.2F;
  Table masked({"key of an excluded expert", "who does that", "chosen, best first"});
  masked.row({"-infinity", "the authors' code; the preset", list(reference::top_k(reference::selection_keys(grouped, s), 4))});
  grouped.config.groups.excluded_key = 0;
  masked.row({"0", "Hugging Face's class", list(reference::top_k(reference::selection_keys(grouped, s), 4))});
  return text + "\nGroup limit with a correction bias, two groups of four, one kept, K = 4; scores " + list(s) +
         "; bias -0.2 on experts 2 and 3:\n\n" + masked.text();
}

}  // namespace moe::docs
