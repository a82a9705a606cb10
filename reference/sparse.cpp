#include "reference/sparse.h"

#include "reference/combine.h"
#include "reference/dispatch.h"
#include "reference/expert.h"
#include "reference/router.h"
#include "reference/shared.h"

namespace moe::reference {
namespace {

// y += more, element by element.
void add(Matrix& y, const Matrix& more) {
  for (Index t = 0; t < y.rows(); t++)
    for (Index d = 0; d < y.cols(); d++) y(t, d) = y(t, d) + more(t, d);
}

}  // namespace

Matrix sparse(const SparseLayer& layer, const ConstMatrix& x, Trace* trace) {
  validate(layer);
  validate_input(layer, x);
  const Index E = sizes(layer).experts;

  const Routing routing = route(layer.router, x, trace);
  const Dispatch dispatch = place(routing, E, trace);
  const Matrix rows = gather(dispatch, routing, x, trace);
  const Matrix outputs = run_experts(layer.experts, dispatch, rows, trace);
  Matrix y = combine(dispatch, routing, outputs, trace);
  if (layer.shared) add(y, run_shared(*layer.shared, x, trace));
  record(trace, "output", y);
  return y;
}

}  // namespace moe::reference
