// A program for the debugger: one small layer with every kind of stage, run through the reference.
#include <cstdio>

#include "reference/linear.h"
#include "reference/sparse.h"

namespace {

using moe::Index;
using moe::Matrix;

// Small dyadic numbers that differ from row to row and from column to column.
Matrix pattern(Index rows, Index cols, int start) {
  Matrix m(rows, cols);
  for (Index r = 0; r < rows; r++)
    for (Index c = 0; c < cols; c++)
      m(r, c) = static_cast<float>((start + 5 * r + 3 * c + r * c) % 11 - 5) / 4;
  return m;
}

moe::Ffn network(Index F, Index D, int start) {
  return {.gate = pattern(F, D, start),
          .up = pattern(F, D, start + 1),
          .down = pattern(D, F, start + 2),
          .gate_bias = {},
          .up_bias = {},
          .down_bias = pattern(D, 1, start + 3)};
}

}  // namespace

int main() {
  const Index D = 3, F = 2, E = 4;
  moe::SparseLayer layer;
  layer.router.config = {.chosen = 2,
                         .score = moe::Score::sigmoid,
                         .key = moe::SelectionKey::score_plus_bias,
                         .groups = {.count = 2, .kept = 1},
                         .normalisation = moe::Normalisation::sum,
                         .epsilon = 1e-20F};
  layer.router.weight = pattern(E, D, 4);
  layer.router.selection_bias = pattern(E, 1, 2);
  for (int e = 0; e < static_cast<int>(E); e++) layer.experts.ffn.push_back(network(F, D, 2 * e + 1));
  layer.shared = moe::Shared{.activation = {}, .ffn = network(2 * F, D, 7), .gate = pattern(1, D, 3)};

  const Matrix x = pattern(4, D, 0);
  const Matrix wide = pattern(20, 30, 1);
  const Matrix narrow = moe::reference::linear(x, pattern(2, D, 6), moe::Vector());
  moe::Recording trace;
  const Matrix y = moe::reference::sparse(layer, x, &trace);
  std::printf("%g %g %g %zu\n", static_cast<double>(y(0, 0)), static_cast<double>(narrow(0, 0)),
              static_cast<double>(wide(0, 0)), trace.stages.size());
}
