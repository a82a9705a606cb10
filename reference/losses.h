// What training adds to the task's loss, so that the experts share the load.
//
//   n_e = number of (t,k) that chose expert e              [E]
//   f_e = E n_e / (T or K T)      the load, 1 at a fair share
//   P_e = mean over t of p_te     the probability it was given
//   balance  L = alpha * sum over e of f_e P_e
//   z-loss   L = c * mean over t of (log sum over e of exp z_te)^2
//   CV^2(v)  = Var(v) / Mean(v)^2 of importance and of load
//
// All counts are taken before capacity: a slot without an expert (-1) does
// not count, a dropped one does. Without tokens every loss is 0.
// docs/losses.md tells who uses which convention.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "reference/types.h"

namespace moe {

/// How often each expert was chosen, [E].
using Counts = std::vector<Index>;

/// Which of a token's K slots count as load.
enum class Counted { first_choice, all_choices };

/// One convention of the balance loss: a row of the table in docs/losses.md.
struct Balance {
  std::string_view name;     ///< lower case, e.g. "megatron"
  std::string_view used_by;  ///< for people
  Counted counted = Counted::all_choices;  ///< n_e
  bool divided_by_choices = true;   ///< f_e = E n_e / (K T), not / T
  bool normalised_scores = false;   ///< p_te = s_te / sum over e of s_te
  bool per_sequence = false;  ///< a mean over sequences: a length is needed
};

/// Divisor of a variance: E, or E - 1.
enum class Variance { population, unbiased };

/// What a logit must exceed for its expert to be chosen: the K-th largest of
/// the others (Shazeer), or the K-th largest of all (V-MoE).
enum class Threshold { leave_one_out, kth_largest };

/// How the selection bias follows the load.
enum class BiasRule { sign, proportional };

}  // namespace moe

namespace moe::reference {

/// All conventions, and the one of that name (Error if there is none).
std::span<const Balance> balances();
/// \copydoc balances
const Balance& balance_named(std::string_view name);

/// The loss of a perfectly even load, with alpha = 1: 1 or K.
Index balanced_value(const Balance& balance, Index K);

/// n [E] from selected [T,K]. Error for an expert outside -1 .. E-1.
Counts counts(const IntMatrix& selected, Index E,
              Counted counted = Counted::all_choices);
/// The sum of several batches', ranks' or layers' counts, all [E].
Counts total(std::span<const Counts> parts);

/// P [E] of p [T,E]: sum over t / tokens; without tokens 0.
///   order: one chain of additions per expert, t ascending, from +0; then one
///   division. `tokens` is T unless the scores are a part of a larger batch.
Vector mean_scores(const ConstMatrix& p, Index tokens);

/// s_te / sum over e of s_te (DeepSeek-V3).
///   order: a chain of additions, e ascending, from +0. A sum of 0 gives NaN.
Matrix normalised_scores(const ConstMatrix& s);

/// f [E] = (E n_e) / (K T), or / T: one division of exact integers.
Vector load_fractions(const Balance& balance, const Counts& n, Index tokens,
                      Index K);

/// sum over e of f_e P_e: a chain of fma, e ascending, from +0.
float balance_sum(const Vector& f, const Vector& P);

/// alpha * sum over e of f_e P_e, per sequence of `sequence` tokens and then
/// averaged (0: the whole batch is one).
///   scores [T,E] softmax, or any scores where the convention divides them by
///   their sum; selected [T,K].
///   order: sequences are added in their order, from +0, then divided by
///   their number; last comes alpha.
///   Errors: shapes; T is not a multiple of `sequence`; none is given where
///   the convention is per sequence.
///   Global batch: load_fractions(total(counts), all tokens) and the
///   mean_scores of a part; / all tokens, the parts' losses add up to the
///   whole's (Megatron).
float balance_loss(const Balance& balance, const ConstMatrix& scores,
                   const IntMatrix& selected, float alpha, Index sequence = 0);

/// The K best experts of each token by score alone, [T,K]: DeepSeek-V3 counts
/// these, not those chosen with bias and group limit.
IntMatrix best_experts(const ConstMatrix& scores, Index K);

/// The rows of real tokens, real [T]: padding counts in no loss.
Matrix real_tokens(const ConstMatrix& rows, const std::vector<bool>& real);
/// The same of selected.
IntMatrix real_choices(const IntMatrix& rows, const std::vector<bool>& real);

/// DeepSeekMoE's L_Dev = alpha * sum over devices d of f'_d P'_d.
///   f, P [E]; device d has the d-th E/devices experts; f'_d the mean of its
///   f, P'_d the sum of its P. order: chains, ascending, from +0.
float device_loss(const Vector& f, const Vector& P, Index devices,
                  float alpha);

/// DeepSeek-V2's L_Comm = alpha * sum over d of f''_d P'_d,
///   f''_d = devices / (M T) * number of tokens with an expert on device d;
///   M is the limit of devices a token visits. selected [T,K], P [E].
float communication_loss(const IntMatrix& selected, const Vector& P,
                         Index devices, Index limit, float alpha);

/// LongCat's alpha * sum over D device groups and one of the zero experts.
///   n, P [N+Z], the first N are real experts; f_j = D/(Ke T) n_j, for the
///   zero experts 1/((K-Ke) T) n_j. Ke: real experts a token should get.
struct LongCat {
  Index real = 1;          ///< N
  Index devices = 1;       ///< D, divides N
  Index real_chosen = 1;   ///< Ke, 0 < Ke < K (Ke = K without zero experts)
  Index chosen = 1;        ///< K
};
/// \copydoc LongCat
float longcat_loss(const LongCat& sizes, const Counts& n, const Vector& P,
                   Index tokens, float alpha);

/// log sum over e of exp z_e: m = max, m + log(sum of exp(z_e - m)).
///   order: the sum is a chain of additions, e ascending, from +0. A NaN or
///   an infinite maximum gives NaN. Error if z is empty.
float log_sum_exp(const std::vector<float>& z);

/// coefficient * mean over t of lse(z_t)^2, logits [T,E].
///   order: a chain of fma, t ascending, from +0; / T; times coefficient.
float z_loss(const ConstMatrix& logits, float coefficient);

/// Var(v) / (Mean(v)^2 + epsilon); 0 if v is empty or Var(v) is 0 (or has
/// divisor 0).
///   order: mean by a chain of additions, variance by a chain of fma of the
///   differences, both ascending from +0.
float cv_squared(const Vector& v, Variance variance, float epsilon);

/// G [T,E]: weights [T,K] in the columns of their experts, 0 elsewhere.
Matrix gates(const IntMatrix& selected, const Matrix& weights, Index E);

/// Sums over the tokens, [E]: importance of G, load of P.
///   order: a chain of additions, t ascending, from +0.
Vector column_sums(const ConstMatrix& m);

/// softplus(raw) + floor, [T,E]; Tensor2Tensor's floor is 0.01.
Matrix noise_std(const ConstMatrix& raw, float floor);

/// What each expert's logit must exceed, [T,E], from the noisy logits; where
/// no rival is left (leave_one_out, K = E) -infinity.
Matrix thresholds(const ConstMatrix& noisy, Index K, Threshold threshold);

/// P(x,e) = Phi((z_e - threshold_e) / std_e), [T,E].
///   Phi(v) = 0.5 (1 + erf(v / sqrt 2)), each operation rounded.
///   Error where a deviation is not positive.
Matrix chance_of_choice(const ConstMatrix& z, const ConstMatrix& threshold,
                        const ConstMatrix& std);

/// Importance_H [E1*E2] = sum over t of Gp(x)_i Gi(x)_j.
///   outer [T,E1], inner [T,E1*E2] with column i*E2+j. order: fma, t ascending.
Vector hierarchical_importance(const ConstMatrix& outer,
                               const ConstMatrix& inner);

/// Load_H [E1*E2] = Load_p_i * Load_i_j / |X_i|, X_i the tokens with
/// Gp(x)_i > 0, Load_i the sum of inner_chance [T,E1*E2] over them; 0 if none.
Vector hierarchical_load(const Vector& outer_load, const ConstMatrix& outer,
                         const ConstMatrix& inner_chance);

/// Shazeer's loss for per-expert thresholds: sum over t, e of
///   (M_threshold - M_batch)(g_te - threshold_e), gate scores g [T,E];
///   M_batch marks the K T / E best tokens of each expert.
float batchwise_loss(const ConstMatrix& g, const Vector& threshold, Index K);

/// The next selection bias [E]: b_e + u sign(mean - n_e), or b_e +
/// u (mean - n_e); the sign is that of exact integers, sign(0) = 0.
///   order: mean - n_e by one division, (sum n - E n_e) / E; product; sum.
Vector bias_update(const Vector& bias, const Counts& n, float u,
                   BiasRule rule);

/// LongCat: b_e + mu (Ke / (K N) - n_e / (K T)) for the real experts; the
/// others' stay, and all stay without tokens.
Vector longcat_bias_update(const LongCat& sizes, const Vector& bias,
                           const Counts& n, Index tokens, float mu);

/// Megatron's quantile balancing, scores s [T,E]: -b_e becomes the (m+1)-th
/// largest over t of s_te - a_t, m = K T / E and a_t the (K+1)-th largest of
/// s_te + b_e. Error where E does not divide K T, or K is not below E.
Vector quantile_bias(const Vector& bias, const ConstMatrix& s, Index K);

}  // namespace moe::reference
