// The hidden values of many experts at once: two products and the activation in one kernel.
#include "cuda/activation.cuh"
#include "cuda/multiply.cuh"

namespace moe::MOE_CUDA_NAMESPACE::kernels {
namespace {

// The first half of a block's columns is multiplied with gate, the second with the same columns of
// up, so that each thread ends with both sums of its outputs and applies the activation to them.
// Where the activation is not gated, both halves are columns of up, as in linear.cu.
// Two blocks share a multiprocessor, but where the activation of two times 8 x 4 sums needs more than
// 128 registers.
template <int M, bool kGated>
__global__ void __launch_bounds__(kThreads, M == 8 && kGated ? 1 : blocks_together(M))
    hidden_kernel(Activation activation, ConstView x, Weights gate, Weights up, const Tile* tiles,
                  int column_tiles, View hidden) {
  using Block = Chains<M>;
  constexpr int kOutputs = kGated ? kHalf : kColumns;  // of one block
  const int row_tile = static_cast<int>(blockIdx.x) / column_tiles;
  const int n = static_cast<int>(blockIdx.x) % column_tiles * kOutputs;
  const int first = row_tile * Block::kRows;
  const Tile tile = tiles != nullptr
                        ? tiles[row_tile]
                        : Tile{0, first, min(static_cast<int>(x.rows) - first, Block::kRows)};
  if (tile.rows == 0) return;  // the whole block

  const Index stride = row_stride(up.inputs);
  const Index offset = (tile.expert * up.outputs + n) * stride;
  const Index bias_offset = tile.expert * row_stride(up.outputs) + n;
  const int columns = static_cast<int>(up.outputs) - n;
  const Half first_of_up = {up.data + offset, up.bias != nullptr ? up.bias + bias_offset : nullptr,
                            min(columns, kHalf)};
  Half first_half = first_of_up, second_half = first_of_up;
  if constexpr (kGated) {
    first_half.w = gate.data + offset;
    first_half.bias = gate.bias != nullptr ? gate.bias + bias_offset : nullptr;
  } else if (columns > kHalf) {
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
              .depth = static_cast<int>(up.inputs)});

  // The activations are long (binary64 polynomials), so there is one copy of each in a rolled loop.
  // It takes the sums by index, which registers cannot be: this copy lies in local memory, on
  // purpose. The sums themselves stay in registers.
  float value[M][8];
  MOE_UNROLL
  for (int i = 0; i < M; i++)
    MOE_UNROLL
    for (int j = 0; j < 8; j++) value[i][j] = chains.acc[i][j];
  constexpr int kResults = kOutputs / 16;  // a row, of this thread
  MOE_ROLL
  for (int v = 0; v < M * kResults; v++) {
    float& result = value[v / kResults][v % kResults];
    if constexpr (kGated)
      result = gated_activation(activation, result, value[v / kResults][4 + v % kResults]);
    else
      result = nonlinearity(activation, result);
  }
  MOE_ROLL
  for (int i = 0; i < M; i++) {
    const int row = Block::ty() * M + i;
    if (row >= tile.rows) break;
    float* out = hidden.data + (tile.first + row) * hidden.stride + n;
    MOE_ROLL
    for (int half = 0; half < kOutputs / kHalf; half++) {
      const float* result = value[i] + half * 4;
      const int column = half * kHalf + Block::tx() * 4;
      if (column < columns)
        store4(out + column, make_float4(result[0], result[1], result[2], result[3]));
    }
  }
}

template <bool kGated>
void launch_hidden(const Activation& activation, const ConstView& x, const Weights& gate,
                   const Weights& up, const Plan& plan, const View& hidden) {
  const auto column_tiles = static_cast<int>(blocks_for(up.outputs, kGated ? kHalf : kColumns));
  const auto kernel = plan.rows_per_tile == kSmallTile    ? hidden_kernel<kSmallTile / 16, kGated>
                      : plan.rows_per_tile == kMiddleTile ? hidden_kernel<kMiddleTile / 16, kGated>
                                                          : hidden_kernel<kLargeTile / 16, kGated>;
  launch(kernel, blocks_for(plan.count * column_tiles, 1), kThreads, 0, activation, x, gate, up,
         plan.tiles, column_tiles, hidden);
}

// One block per row.
__global__ void __launch_bounds__(kThreads)
    pass_on_kernel(const int* first, ConstView rows, View hidden, View out) {
  const Index r = blockIdx.x;
  if (r < *first) return;
  for (Index f = threadIdx.x; f < hidden.cols; f += kThreads)
    hidden.data[r * hidden.stride + f] = 0;
  for (Index d = threadIdx.x; d < out.cols; d += kThreads)
    out.data[r * out.stride + d] = rows.data[r * rows.stride + d];
}

}  // namespace

void hidden_values(const Activation& activation, const ConstView& x, const Weights& gate,
                   const Weights& up, const Plan& plan, const View& hidden) {
  if (plan.count == 0) return;
  const auto run = activation.gated ? launch_hidden<true> : launch_hidden<false>;
  run(activation, x, gate, up, plan, hidden);
}

void pass_on(const int* first, const ConstView& rows, const View& hidden, const View& out) {
  if (rows.rows == 0) return;
  launch(pass_on_kernel, blocks_for(rows.rows, 1), kThreads, 0, first, rows, hidden, out);
}

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
