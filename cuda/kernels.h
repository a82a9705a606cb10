// What the .cu files offer to their hosts: one function for each stage, from device memory to device
// memory. They start kernels and return; nothing waits for the device. Same names as in
// moe::reference, where each stage is defined; what a stage means is not repeated here.
//
// Sizes are T tokens, D model width, F hidden width, E experts, K experts per token and R = T*K
// rows. Matrices have rows of row_stride(columns) floats (cuda/memory.h).
#pragma once
#include "cuda/memory.h"
#include "reference/layer.h"

/// The stages on device memory.
namespace moe::MOE_CUDA_NAMESPACE::kernels {

/// A matrix on the device. Row r begins at data + r * stride.
struct View {
  float* data = nullptr;
  Index rows = 0, cols = 0, stride = 0;
};
/// The same, to be read.
struct ConstView {
  const float* data = nullptr;
  Index rows = 0, cols = 0, stride = 0;

  ConstView() = default;
  ConstView(const float* data_, Index rows_, Index cols_)
      : data(data_), rows(rows_), cols(cols_), stride(row_stride(cols_)) {}
  ConstView(const View& v) : data(v.data), rows(v.rows), cols(v.cols), stride(v.stride) {}
};

/// One weight matrix [outputs, inputs] per expert, one after another.
struct Weights {
  const float* data = nullptr;
  const float* bias = nullptr;  ///< [experts, row_stride(outputs)], or nullptr: start from +0
  Index experts = 0, outputs = 0, inputs = 0;
};

/// Part of an expert's rows: what one block (and its neighbours along the columns) multiplies.
struct Tile {
  int expert, first, rows;
};

/// How the rows of a matrix are divided among blocks.
struct Plan {
  const Tile* tiles = nullptr;  ///< on the device; nullptr: all rows belong to expert 0
  Index count = 0;              ///< of tiles; the last ones may be empty
  int rows_per_tile = 0;        ///< kSmallTile, kMiddleTile or kLargeTile
};

/// Rows that one block multiplies. More rows read the weights less often, but are idle where an
/// expert has fewer; the choice changes no bit.
constexpr int kSmallTile = 16, kMiddleTile = 64, kLargeTile = 128;

/// The tile size for R rows that belong to E experts.
int rows_per_tile(Index R, Index E);
/// The division of R rows that all belong to one matrix.
Plan plan(Index R);
/// How many tiles R rows of E experts may need, whatever the routing.
Index most_tiles(Index R, Index E, int rows_per_tile);
/// Fills `tiles` [count] from the experts' offsets [E+1], both on the device.
void plan(const int* offsets, Index E, int rows_per_tile, Tile* tiles, Index count);

// ------------------------------------------------------------------------------------ the stages

/// y = x W^T + b, the rows of each tile with the weights of its expert.
void linear(const ConstView& x, const Weights& w, const Plan& plan, const View& y);

/// hidden = f(x gate^T + b) * (x up^T + b), or f(x up^T + b) where the activation is not gated.
void hidden_values(const Activation& activation, const ConstView& x, const Weights& gate,
                   const Weights& up, const Plan& plan, const View& hidden);

/// From logits [T,E] to scores [T,E], selected and weights [T,K].
///   selection_bias [E] or nullptr; group_scores [T, groups.count] is scratch, used if groups are
///   limited.
void route(const RouterConfig& config, const ConstView& logits, const float* selection_bias,
           float* group_scores, const View& scores, int* selected, float* weights);

/// Pairs that one block of place() counts: `counts` below has one row per so many.
constexpr Index kChunk = 256;

/// A stable counting sort of the pairs `selected` [T,K] by expert.
///   counts [ceil(R / kChunk), E] is scratch. Fills offsets [E+1], tokens [R], slots [R] and
///   positions [T,K].
void place(const int* selected, Index T, Index K, Index E, int* counts, int* offsets, int* tokens,
           int* slots, int* positions);

/// rows[positions[t,k]] = x[t], times weights[t,k] unless `weights` is nullptr.
void gather(const ConstView& x, const int* positions, const float* weights, Index K,
            const View& rows);

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]]; weights count as 1 if nullptr.
void combine(const ConstView& rows, const int* positions, const float* weights, Index K,
             const View& y);

/// y[t] = sigmoid(z[t,0]) y[t].
void open(const ConstView& z, const View& y);

/// y = a + b.
void add(const ConstView& a, const ConstView& b, const View& y);

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
