#include "reference/routed.h"

#include "reference/combine.h"
#include "reference/expert.h"
#include "reference/shared.h"

namespace moe::reference {
namespace {

// y += more, element by element.
void add(Matrix& y, const Matrix& more) {
  for (Index t = 0; t < y.rows(); t++)
    for (Index d = 0; d < y.cols(); d++) y(t, d) = y(t, d) + more(t, d);
}

}  // namespace

Matrix run_routed(const Experts& experts, const std::optional<Shared>& shared,
                  const Routing& routing, const Dispatch& dispatch,
                  const ConstMatrix& x, Trace* trace) {
  const Matrix rows = gather(dispatch, routing, x, trace);
  const Matrix outputs = run_experts(experts, dispatch, rows, trace);
  Matrix y = combine(dispatch, routing, outputs, trace);
  if (shared) add(y, run_shared(*shared, x, trace));
  record(trace, "output", y);
  return y;
}

}  // namespace moe::reference
