// From the reference's loop to the shipped kernel, one idea a step.
//
// Every step is one function of the same signature: one SwiGLU expert over its rows,
//
//   hidden = silu(x W_gate^T) * (x W_up^T)      [T,F]
//   y      = hidden W_down^T                    [T,D]
//
// and gives the reference's bits. What changes is how long it takes.
#pragma once
#include <span>
#include <vector>

#include "cpu/buffer.h"
#include "reference/layer.h"

namespace moe::ladder {

/// How a step wants the weights stored.
enum class Layout {
  rows,     ///< as checkpoints have them: [N,K], row-major
  panels,   ///< 16 rows side by side, transposed: [N/16][K][16]
  woven,    ///< likewise, gate and up in one array: gate, up, gate, up, ...
  halves,   ///< bf16, two panels of `woven` in one: the low and high halves of 32 bits
  joined,   ///< likewise, but a line is 16 values of the one panel, then 16 of the other
};

/// Outputs of a panel: one cache line of binary32 weights for each k.
inline constexpr Index kPanel = 16;

constexpr Index divided_up(Index a, Index b) { return (a + b - 1) / b; }

/// A weight matrix [N,K] in the layout its step asked for.
struct Weights {
  Index N = 0, K = 0;
  Matrix rows;         ///< of Layout::rows
  Index count = 0;     ///< panels
  cpu::Buffer values;  ///< [count][K][16], zeros where a panel has fewer than 16 rows
  const float* panel(Index p) const { return values.data() + p * K * kPanel; }
};

/// An expert without biases.
struct Expert {
  Weights gate, up;  ///< [F,D]; woven and halves: `gate` holds both
  Weights down;      ///< [D,F]
  Index D() const { return down.N; }
  Index F() const { return down.K; }
};

/// Stores a network as a step wants it. Only permutes, except that halves round to bf16 (exact
/// where the weights are bf16 numbers already).
Expert prepare(const Ffn& ffn, Layout layout);

/// y [T,D] = expert(x [T,D]). Rows of x may lie farther apart than D.
using Run = void (*)(const Expert& expert, const ConstMatrix& x, Matrix& y);

/// A step: its number is its place in steps().
struct Step {
  const char* name;  ///< the function and, after its number, the file
  const char* idea;  ///< in a few words
  Layout layout;
  Run run;
  bool threads;  ///< uses all that OpenMP gives, otherwise one
  Index T = 0;   ///< what was tried for one number of rows only; 0: any
};

/// The ladder.
std::span<const Step> steps();
/// What was tried beside it: same signature, same bits, another time.
std::span<const Step> tried();

// The functions, in order. Each stands in the file of its number.
void reference_loop(const Expert& expert, const ConstMatrix& x, Matrix& y);
void loop_order(const Expert& expert, const ConstMatrix& x, Matrix& y);
void packing(const Expert& expert, const ConstMatrix& x, Matrix& y);
void register_tile(const Expert& expert, const ConstMatrix& x, Matrix& y);
void simd(const Expert& expert, const ConstMatrix& x, Matrix& y);
void cache_blocking(const Expert& expert, const ConstMatrix& x, Matrix& y);
void prefetch(const Expert& expert, const ConstMatrix& x, Matrix& y);
void fused(const Expert& expert, const ConstMatrix& x, Matrix& y);
void few_rows(const Expert& expert, const ConstMatrix& x, Matrix& y);
void bf16(const Expert& expert, const ConstMatrix& x, Matrix& y);
void threads(const Expert& expert, const ConstMatrix& x, Matrix& y);

/// Plan::near: the same k of the panels that come next.
inline constexpr Index kNextPanels = -1;

/// The numbers that steps 6 to 11 choose.
struct Plan {
  Index height = 0;    ///< rows of a tile at most; 0: as many as registers allow
  Index together = 0;  ///< lines of weights that a tile takes; 0: as many as registers allow
  Index piece = 256;   ///< k of a piece
  Index rows = 192;    ///< rows of a block
  bool fetch = true;   ///< the next piece while this one is used
  Index near = 0;      ///< a single tile fetches so many k ahead; 0: not
  Index batch = 1;     ///< activations are taken so many tile widths at a time
};

/// Step 11 with boundaries of tasks over n panels by another rule.
using Cut = std::vector<Index> (*)(Index n, int threads);
void run_threads(Cut cut, const Expert& expert, const ConstMatrix& x, Matrix& y);

/// What steps 1 to 7 have in common: three products and, between them, the activation value by
/// value as the reference has it. Such a step is its product, y [T,N] = x [T,K] w^T.
using Product = void (*)(const Weights& w, const ConstMatrix& x, Matrix& y);
void three_products(Product product, const Expert& expert, const ConstMatrix& x, Matrix& y);

}  // namespace moe::ladder
