// moe account: several models beside each other.
#include <fmt/format.h>

#include "reference/accounting/cache.h"
#include "reference/accounting/flops.h"
#include "tools/account.h"

namespace moe::tools {

void print_comparison(const AccountRequest& request, const std::vector<Accounted>& all) {
  using namespace accounting;
  Table table({"model", "total", "C1", "C2", "C3", "active", "weights", "decode FLOP", "cache", "touched", ""});
  for (const Accounted& a : all) {
    const Counts& n = a.counts;
    const Costs c = costs_of(request, a);
    const double share = static_cast<double>(n.c1) / static_cast<double>(n.total);
    table.add({a.label, brief(static_cast<double>(n.total)), brief(static_cast<double>(n.c1)), brief(static_cast<double>(n.c2)),
               brief(static_cast<double>(n.c3)), percent(share), bytes_text(static_cast<double>(c.weight_bytes)),
               brief(static_cast<double>(decode_flops(a.model, request.context))),
               bytes_text(static_cast<double>(cache_bytes(a.model, request.context, {}))),
               c.mixture ? fmt::format("{:.1f}/{}", c.touched, c.mixture->experts) : "-", share_bar(share, 10)});
  }
  say(table.text());
  say(paint(Ink::dim, fmt::format("\n  active: C1 of the total · decode and cache at context {} · touched by {} tokens in one layer\n", grouped(request.context),
                                    grouped(request.batch))));
}

}  // namespace moe::tools
