// Is the router well? What to watch during training; nothing here is a loss.
//
//   entropy   H_t = - sum over e of p_te log p_te: low for one token means
//             decided; low for the mean P means collapsed
//   MaxVio    (max n - mean n) / mean n of the load n [E]
//   drops     pairs of token and slot that found no place
//   likeness  of experts: who is chosen together, whose numbers agree
//
// Without tokens (or without anything chosen) every metric is 0.
#pragma once
#include "reference/losses.h"

namespace moe {

/// Entropy of a router's probabilities, in nats.
struct Entropy {
  float mean = 0;      ///< mean over t of H_t
  float relative = 0;  ///< mean / log E: 1 is undecided; 0 if E = 1
  float of_mean = 0;   ///< entropy of the mean P: log E at an even load
};

/// What capacity costs.
struct Drops {
  Index chosen = 0;        ///< pairs of token and slot with an expert
  Index dropped = 0;       ///< of these, without a place
  Index tokens_lost = 0;   ///< tokens that chose, and lost every slot
  float rate = 0;          ///< dropped / chosen
  float lost_fraction = 0;  ///< tokens_lost / T
};

}  // namespace moe

namespace moe::reference {

/// - sum over e of p_e log p_e; p_e = 0 adds nothing. p [E].
///   order: a chain of fma of p_e and log p_e, e ascending, from +0; negated.
float entropy_of(const Vector& p);

/// Of p [T,E]. order: the mean is a chain of additions, t ascending; / T.
Entropy entropy(const ConstMatrix& p);

/// From the stages selected and positions, both [T,K]. Error for a place
/// without an expert.
Drops drops(const IntMatrix& selected, const IntMatrix& positions);

/// MaxVio = (E max n - sum n) / sum n: one division of exact integers, 0 at an
/// even load. Of a batch; of many, the mean; over all, that of the total.
float max_violation(const Counts& n);

/// max n / mean n = MaxVio + 1, by one division; 0 if nothing was chosen.
float max_over_mean(const Counts& n);

/// Standard deviation (population) / mean of n: sqrt of cv_squared.
float load_cv(const Counts& n);

/// Gini coefficient: sum over i, j of |n_i - n_j| / (2 E sum n); 0 even,
/// (E - 1) / E if one expert has all. One division of exact integers.
float gini(const Counts& n);

/// Experts never chosen, or less often than `share` of an even load (0.1 is
/// usual over a window); ascending. share 0: only those never chosen.
std::vector<Index> dead_experts(const Counts& n, float share);

/// Tokens that chose both experts, [E,E]; the diagonal: that chose this one.
IntMatrix chosen_together(const IntMatrix& selected, Index E);

/// both / either (Jaccard), [E,E], of chosen_together; 0 if nobody chose one.
Matrix overlap(const IntMatrix& together);

/// Cosine of every two rows, [E,E]: flattened weights, router rows, or the
/// outputs on the same tokens. 0 where a row is all zeros.
///   order: <a,b> / (sqrt <a,a> * sqrt <b,b>), chains of fma, ascending.
Matrix cosine_similarity(const ConstMatrix& rows);

/// Linear CKA of x [N,D1] and y [N,D2], two experts' outputs on N tokens:
///   |Yc^T Xc|^2 / (|Xc^T Xc| |Yc^T Yc|), columns centred; 0 if one is
///   constant.
///   order: means and elements are chains over N; norms chains of fma, row by
///   row.
float linear_cka(const ConstMatrix& x, const ConstMatrix& y);

}  // namespace moe::reference
