// y = x W^T + b for the rows of many experts at once.
#include "cuda/multiply.cuh"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

// Block b has row tile b / column_tiles and column tile b % column_tiles: blocks that run at the
// same time mostly share an expert, so its weights and rows come from the second-level cache.
template <int M>
__global__ void __launch_bounds__(kThreads, blocks_together(M))
    linear_kernel(ConstView x, Weights w, const Tile* tiles, int column_tiles, View y) {
  using Block = Chains<M>;
  const int row_tile = static_cast<int>(blockIdx.x) / column_tiles;
  const int n = static_cast<int>(blockIdx.x) % column_tiles * kColumns;
  const int first = row_tile * Block::kRows;
  const Tile tile = tiles != nullptr
                        ? tiles[row_tile]
                        : Tile{0, first, min(static_cast<int>(x.rows) - first, Block::kRows)};
  if (tile.rows == 0) return;  // the whole block

  const Index stride = row_stride(w.inputs);
  const int columns = static_cast<int>(w.outputs) - n;
  const Half first_half = {
      w.data + (tile.expert * w.outputs + n) * stride,
      w.bias != nullptr ? w.bias + tile.expert * row_stride(w.outputs) + n : nullptr,
      min(columns, kHalf)};
  Half second_half = first_half;  // also where it has no columns
  if (columns > kHalf) {
    second_half.w += kHalf * stride;
    if (second_half.bias != nullptr) second_half.bias += kHalf;
    second_half.rows = min(columns - kHalf, kHalf);
  }
  Block chains;
  chains.run({.x = x.data + tile.first * x.stride,
              .x_rows = tile.rows,
              .x_stride = x.stride,
              .first = first_half,
              .second = second_half,
              .w_stride = stride,
              .depth = static_cast<int>(w.inputs)});

  MOE_UNROLL
  for (int i = 0; i < M; i++) {
    const int row = Block::ty() * M + i;
    if (row >= tile.rows) break;
    float* out = y.data + (tile.first + row) * y.stride + n;
    MOE_UNROLL
    for (int half = 0; half < 2; half++) {
      const float* acc = chains.acc[i] + half * 4;
      const int column = half * kHalf + Block::tx() * 4;
      if (column < columns) store4(out + column, make_float4(acc[0], acc[1], acc[2], acc[3]));
    }
  }
}

// Writes each expert's tiles behind those of the experts before it, and empty ones behind the last.
__global__ void plan_kernel(const int* offsets, int E, int rows_per_tile, Tile* tiles, int count) {
  int index = 0;  // of the first tile of expert e
  const int e = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  for (int before = 0; before < min(e, E); before++) {
    const int rows = offsets[before + 1] - offsets[before];
    index += (rows + rows_per_tile - 1) / rows_per_tile;
  }
  if (e < E) {
    for (int first = offsets[e]; first < offsets[e + 1]; first += rows_per_tile)
      tiles[index++] = {e, first, min(rows_per_tile, offsets[e + 1] - first)};
  } else if (e == E) {
    while (index < count) tiles[index++] = {0, 0, 0};
  }
}

}  // namespace

int rows_per_tile(Index R, Index E) {
  // By what an expert gets on average. Experts without rows make it a guess; no more is needed.
  const Index busy = E < R ? E : R;
  const Index average = busy == 0 ? 0 : R / busy;
  return average <= kSmallTile ? kSmallTile : average < kLargeTile ? kMiddleTile : kLargeTile;
}

Index most_tiles(Index R, Index E, int rows_per_tile) {
  // Each expert with rows has at most one tile that is not full.
  return R / rows_per_tile + (E < R ? E : R);
}

Plan plan(Index R) {
  const int rows = rows_per_tile(R, 1);
  return {nullptr, (R + rows - 1) / rows, rows};
}

void plan(const int* offsets, Index E, int rows_per_tile, Tile* tiles, Index count) {
  constexpr int kPlanThreads = 128;
  launch(plan_kernel, blocks_for(E + 1, kPlanThreads), kPlanThreads, 0, offsets,
         static_cast<int>(E), rows_per_tile, tiles, static_cast<int>(count));
}

void linear(const ConstView& x, const Weights& w, const Plan& plan, const View& y) {
  if (plan.count == 0) return;
  const auto column_tiles = static_cast<int>(blocks_for(w.outputs, kColumns));
  const auto kernel = plan.rows_per_tile == kSmallTile    ? linear_kernel<kSmallTile / 16>
                      : plan.rows_per_tile == kMiddleTile ? linear_kernel<kMiddleTile / 16>
                                                          : linear_kernel<kLargeTile / 16>;
  launch(kernel, blocks_for(plan.count * column_tiles, 1), kThreads, 0, x, w, plan.tiles,
         column_tiles, y);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
