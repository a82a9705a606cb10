// moe account --explain: a number as its formula, with the values in it.
#include <fmt/format.h>

#include "reference/accounting/cache.h"
#include "reference/accounting/flops.h"
#include "reference/accounting/stages.h"
#include "reference/error.h"
#include "tools/account.h"

namespace moe::tools {
namespace {

using namespace accounting;

// "E · f_e d" without factors of 1.
Size formula(const Weight& w) {
  Size s = w.rows;
  if (w.cols.value() != 1 || w.cols.letters() != "1") s = w.rows.value() == 1 && w.rows.letters() == "1" ? w.cols : s * w.cols;
  return w.copies.letters() == "1" ? s : w.copies * s;
}

void print_weight(const Weight& w) {
  const Size s = formula(w);
  std::string line = fmt::format("  {}  {}", paint(Ink::accent, left(w.name, 16)), s.letters());
  if (s.letters() != s.numbers()) line += fmt::format("  =  {}", s.numbers());
  line += fmt::format("  =  {}", grouped(s.value()));
  if (w.layers > 1) line += fmt::format("   × {} layers  =  {}", w.layers, grouped(w.total()));
  say(line + "\n");
  if (w.of > 1) say(fmt::format("  {}  one token meets {} of {}  =  {}\n", left("", 16), w.met, w.of, grouped(w.active())));
}

bool print_component(Component component, const Accounted& a) {
  Index total = 0, active = 0;
  bool any = false;
  for (const Weight& w : weights(a.model)) {
    if (w.component != component) continue;
    if (!any) say(paint(Ink::title, fmt::format("{} of {}", name_of(component), a.label)) + "\n");
    any = true;
    print_weight(w);
    total += w.total();
    active += w.active();
  }
  if (!any) return false;
  say(fmt::format("  {}  {}", paint(Ink::title, left("total", 16)), grouped(total)));
  say(active == total ? "\n" : fmt::format("   active {}\n", grouped(active)));
  return true;
}

// "a + b + c = sum" over components.
void print_sum(const std::string& name, const Accounted& a, Index Count::*part, bool embedding, bool head, Index expected) {
  std::string letters, numbers;
  for (std::size_t i = 0; i < kComponents; i++) {
    const auto c = static_cast<Component>(i);
    const Index n = a.counts[c].*part;
    if (n == 0 || (c == Component::embedding && !embedding) || (c == Component::lm_head && !head)) continue;
    letters += fmt::format("{}{}", letters.empty() ? "" : " + ", name_of(c));
    numbers += fmt::format("{}{}", numbers.empty() ? "" : " + ", grouped(n));
  }
  say(fmt::format("{} of {}\n  {}\n  = {}\n  = {}\n", paint(Ink::title, name), a.label, letters, numbers, grouped(expected)));
}

void print_mtp(const Accounted& a) {
  say(paint(Ink::title, "mtp of " + a.label) + "\n");
  for (const Weight& w : mtp_weights(a.model)) print_weight(w);
  say(fmt::format("  {}  {}, stored {}\n", paint(Ink::title, left("total", 16)), grouped(a.counts.mtp), grouped(a.counts.mtp_stored)));
}

void print_flops(const Accounted& a) {
  say(paint(Ink::title, "weight FLOPs of one token of " + a.label) + "\n");
  Index sum = 0;
  for (const Weight& w : weights(a.model)) {
    if (w.role != Role::product) continue;
    sum += 2 * w.active();
    say(fmt::format("  {}  2 × {}  =  {}\n", left(fmt::format("{} {}", name_of(w.component), w.name), 28), grouped(w.active()), grouped(2 * w.active())));
  }
  say(fmt::format("  {}  {}\n", paint(Ink::title, left("total", 28)), grouped(sum)));
}

void print_cache(const Accounted& a) {
  say(paint(Ink::title, "cache of " + a.label + ", bf16") + "\n");
  const Cache c = cache(a.model, {});
  say(fmt::format("  kept for every token        {}\n  kept while in the window    {}\n  state of a sequence         {}\n", grouped(c.per_token),
                    grouped(c.per_windowed_token), grouped(c.state)));
}

// Bytes of each class of weights in each format.
void print_bytes(const Accounted& a) {
  const std::vector<Weight> list = weights(a.model);
  std::vector<std::string> columns{"bytes of " + a.label, "as asked"};
  const std::vector<Format> formats{Format::f32, Format::bf16, Format::fp8, Format::mxfp4, Format::nvfp4, Format::int4};
  for (const Format f : formats) columns.emplace_back(name_of(f));
  Table table(columns);
  for (std::size_t i = 0; i <= kComponents; i++) {
    const auto c = static_cast<Component>(i);
    const auto bytes = [&](const Formats& f) { return grouped(i == kComponents ? bytes_of(list, f) : bytes_of(list, f, c)); };
    std::vector<std::string> row{i == kComponents ? "all" : name_of(c), bytes(a.formats)};
    for (const Format f : formats) row.push_back(bytes(formats_all(f)));
    table.add(row);
  }
  say(table.text());
}

// Stages of one MoE layer, and what a backward pass needs of them.
void print_activations(const Accounted& a, Index T) {
  for (const Layer& layer : a.model.layers) {
    if (!layer.mixture) continue;
    const MoeShape dropless = shape_of(*layer.mixture, a.model.width, T);
    const MoeShape limited = shape_with_capacity(*layer.mixture, a.model.width, T, 1.25);
    Table table({fmt::format("one MoE layer, {} tokens", grouped(T)), "elements, dropless", "capacity 1.25", "in the trace", "kept for backward"});
    const std::vector<StageSize> stages = layer_stages(dropless);
    for (const StageSize& with : layer_stages(limited)) {
      std::string elements = "-", kept = with.kept ? "yes" : "no";
      for (const StageSize& s : stages) {
        if (s.name != with.name) continue;
        elements = grouped(s.elements);
        if (s.idle > 0) kept += fmt::format(", but {} that no network computes", grouped(s.idle));
      }
      table.add({with.name, elements, grouped(with.elements), with.in_trace ? "yes" : "no", kept});
    }
    say(table.text());
    say(fmt::format("\n  trace, 4 bytes each  {} dropless, {} with capacity\n", grouped(trace_bytes(dropless)), grouped(trace_bytes(limited))));
    say(fmt::format("  kept in bf16         {} dropless, {} with capacity, {} recomputed\n", grouped(kept_bytes(dropless, 2, false)),
                    grouped(kept_bytes(limited, 2, false)), grouped(kept_bytes(dropless, 2, true))));
    return;
  }
  say(a.label + " has no layer with experts\n");
}

}  // namespace

void print_explanation(const AccountRequest& request, const Accounted& a) {
  const std::string& what = request.explain;
  const Counts& n = a.counts;
  if (what == "total") return print_sum("total", a, &Count::total, true, true, n.total);
  if (what == "C1") return print_sum("C1", a, &Count::active, true, true, n.c1);
  if (what == "C2") return print_sum("C2", a, &Count::active, false, true, n.c2);
  if (what == "C3") return print_sum("C3", a, &Count::active, false, false, n.c3);
  if (what == "mtp") return print_mtp(a);
  if (what == "flops") return print_flops(a);
  if (what == "cache") return print_cache(a);
  if (what == "bytes") return print_bytes(a);
  if (what == "activations") return print_activations(a, request.context);
  std::string known;
  for (std::size_t i = 0; i < kComponents; i++) {
    const auto c = static_cast<Component>(i);
    known += std::string(name_of(c)) + ", ";
    if (what != name_of(c)) continue;
    if (!print_component(c, a)) say(fmt::format("{} has no {}\n", a.label, what));
    return;
  }
  throw Error(fmt::format("--explain: expected one of {}total, C1, C2, C3, mtp, flops, cache, bytes, activations; found '{}'", known, what));
}

}  // namespace moe::tools
