#include "reference/routed.h"

#include "reference/combine.h"
#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/shared.h"

namespace moe::reference {
namespace {

// y += more, element by element.
void add(Matrix& y, const ConstMatrix& more) {
  for (Index t = 0; t < y.rows(); t++)
    for (Index d = 0; d < y.cols(); d++) y(t, d) = y(t, d) + more(t, d);
}

// The experts' part, in the space they work in; u [T,L], returns [T,L].
Matrix run_chosen(const Experts& experts, const Routing& routing,
                  const Dispatch& dispatch, const ConstMatrix& u,
                  Trace* trace) {
  const Matrix rows = gather(dispatch, routing, u, trace);
  const Matrix outputs = run_experts(experts, dispatch, rows, trace);
  return combine(dispatch, routing, outputs, trace);
}

}  // namespace

Matrix run_routed(const Experts& experts, const std::optional<Shared>& shared,
                  const Routing& routing, const Dispatch& dispatch,
                  const ConstMatrix& x, Trace* trace,
                  const std::optional<Latent>& latent, bool residual) {
  Matrix y;
  if (latent) {
    const Matrix u = linear(x, latent->down, Vector());  // [T,L]
    record(trace, "latent", u);
    y = linear(run_chosen(experts, routing, dispatch, u, trace), latent->up,
               Vector());
    record(trace, "expanded", y);
  } else {
    y = run_chosen(experts, routing, dispatch, x, trace);
  }
  if (shared) {
    make_room(*shared, x, y);
    add(y, run_shared(*shared, x, trace));
  }
  if (residual) add(y, x);
  record(trace, "output", y);
  return y;
}

}  // namespace moe::reference
