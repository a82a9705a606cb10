// What the .cu files offer to their hosts: one function for each stage, from device memory to device
// memory. They start kernels and return; nothing waits for the device. Same names as in
// moe::reference, where each stage is defined; what a stage means is not repeated here.
//
// Sizes are T tokens, D model width, F hidden width, E experts, K experts per token and R rows, at most
// T*K. Matrices have rows of row_stride(columns) floats (cuda/memory.h); arrays named [T,K] have no
// gaps.
#pragma once
#include "cuda/memory.h"
#include "reference/numerics/philox.h"
#include "reference/variants.h"

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

/// Where a router that draws finds the numbers of its first token.
struct Draws {
  numerics::Stream stream;
  Index first = 0;  ///< number of the first token
};

/// y = what a router reads of x [T,D]: gain x / sqrt(x.x / D + epsilon) unless gain [D] is nullptr, then
/// times factors from 1 - jitter to 1 + jitter unless that is 0.
void router_input(const float* gain, float epsilon, float jitter, const Draws& draws,
                  const ConstView& x, const View& y);

/// z = z + deviation n, n Gaussian, of every logit z [T,E]; softplus(raw [T,E]) + deviation in its place
/// if raw has columns.
void add_noise(const ConstView& raw, float deviation, const Draws& draws, const View& z);

/// What a router's choice and weights depend on besides its logits.
struct Besides {
  const float* selection_bias = nullptr;  ///< [E], or nullptr
  const float* expert_scale = nullptr;    ///< [E], or nullptr
  bool given = false;                     ///< `selected` holds the choice already
  Draws later;                            ///< of LaterSlots::random
  bool drawn = false;                     ///< by Choice::near_tie, with what follows
  Draws near_tie;                         ///< one for each expert that ties
  Draws midpoint;                         ///< one for each slot
};

/// From logits [T,E] to scores [T,E], selected, weights and chosen_scores [T,K].
///   group_scores [T, groups.count] is scratch, used if groups are limited.
void route(const RouterConfig& config, const ConstView& logits, const Besides& besides,
           float* group_scores, const View& scores, int* selected, float* weights,
           float* chosen_scores);

/// From logits [T,E] to scores [T,E]; selected, weights and chosen_scores [T,E] hold every expert in
/// the slot of its own number.
void route_to_all(const RouterConfig& config, const ConstView& logits, const View& scores,
                  int* selected, float* weights, float* chosen_scores);

/// The softmax of every row.
void softmax(const ConstView& z, const View& p);

/// Pairs that one block of place() counts: `counts` below has one row per so many.
constexpr Index kChunk = 256;

/// A stable counting sort of the pairs `selected` [T,K] by expert; pairs with -1 have no row.
///   counts [ceil(T*K / kChunk), E] is scratch. Fills offsets [E+1], the first R = offsets[E] values
///   of tokens and slots [T*K], and positions [T,K].
void place(const int* selected, Index T, Index K, Index E, int* counts, int* offsets, int* tokens,
           int* slots, int* positions);

/// placed [T,K] becomes selected where the pair is among the first C of its expert and of its `group`
/// tokens, in the order of priority; else -1.
void find_places(Priority priority, Index C, Index group, const int* selected,
                 const float* chosen_scores, Index T, Index K, int* placed);

/// weights [T,K] of the pairs that have a row, after dropping; 0 for the others.
void drop_weights(Normalisation after, float epsilon, const int* positions,
                  const float* chosen_scores, Index T, Index K, float* weights);

/// rows[positions[t,k]] = x[t], times weights[t,k] unless `weights` is nullptr; where there is a row.
void gather(const ConstView& x, const int* positions, const float* weights, Index K,
            const View& rows);

/// y[t] = sum over k of weights[t,k] rows[positions[t,k]], where there is a row; weights count as 1 if
/// nullptr.
void combine(const ConstView& rows, const int* positions, const float* weights, Index K,
             const View& y);

/// y[t] = share y[t]; the share that the gate's values z [T,1] or [T,2] give to the routed experts
/// (part 0) or to the shared one (part 1).
void take_share(SharedJoin join, int part, const ConstView& z, const View& y);

/// What identities do with their rows, *first and on: out = rows, hidden = +0.
void pass_on(const int* first, const ConstView& rows, const View& hidden, const View& out);

/// y = a + b.
void add(const ConstView& a, const ConstView& b, const View& y);

// -------------------------------------------------------------------------- stages of one variant

/// Each expert takes the C tokens of each group that score best; scores [T,E].
///   Fills chosen and chosen_weights [T/group*E,C]: token within the group, best first, and its score;
///   and the same as slots of tokens: selected (e in slot e, or -1), weights (or 0) and
///   chosen_scores [T,E].
void choose_tokens(const ConstView& scores, Index group, Index C, int* chosen,
                   float* chosen_weights, int* selected, float* weights, float* chosen_scores);

/// What a two-level layer knows of the routing within one group of experts, for all tokens.
struct InnerRouting {
  const int* selected = nullptr;         ///< [T,K2]
  const float* weights = nullptr;        ///< [T,K2]
  const float* chosen_scores = nullptr;  ///< [T,K2]
};
/// What makes two levels one.
struct Levels {
  Index outer_chosen = 1;       ///< K1
  Index inner_chosen = 1;       ///< K2
  Index experts_per_group = 1;  ///< E2
  bool best_only = false;       ///< SecondGroup::best_only
  bool no_second = false;       ///< and then the second inner slot is not used either
  bool divided_by_sum = false;  ///< what SecondGroup::best_only does to the best expert's score
  float epsilon = 0;            ///< in that division
};
/// Slot k2*K1 + k1 of every token: expert, weight and score from both levels, or -1, 0 and 0.
///   outer_selected, outer_weights and groups (positions of the outer level) are [T,K1], `inner` has
///   one entry per group of experts; selected, weights and chosen_scores are [T,K1*K2].
void flatten(const Levels& levels, Index T, const int* outer_selected, const float* outer_weights,
             const int* groups, const InnerRouting* inner, int* selected, float* weights,
             float* chosen_scores);

/// by_l2: y = scale * (row / sqrt(row . row + 1e-6)), every row of x.
void normalise_by_l2(const ConstView& x, float scale, const View& y);
/// by_rms: y = row / max(|row|, 1e-12) * sqrt(D) * gamma, every row of x [.,D].
void normalise_by_rms(const ConstView& x, const float* gamma, const View& y);

/// x is `groups` matrices, one under the other, y the same matrices transposed.
void transpose(const ConstView& x, Index groups, const View& y);
/// Rows [A,B,S] become rows [B,A,S].
void swap_groups(const ConstView& x, Index A, Index B, Index S, const View& y);

}  // namespace moe::MOE_CUDA_NAMESPACE::kernels
