// What a dense mixture is trained by: the three losses of Jacobs et al. 1991,
// for one token with target d [O], expert outputs o [E,O] and gate p [E].
//
//   cooperative  E1 = |d - sum over i of p_i o_i|^2           eq. 1
//   competitive  E2 = sum over i of p_i |d - o_i|^2           eq. 2
//   mixture      E3 = -log sum over i of p_i exp(-|d - o_i|^2 / 2)   eq. 3
//   posterior    h_i = softmax(log p_i - |d - o_i|^2 / 2)
//
// E3 is the negative log density of a mixture of Gaussians with unit
// covariance, without its constant (O/2) log 2 pi.
//
// source: Jacobs, Jordan, Nowlan, Hinton 1991, Neural Computation 3.
#pragma once
#include <vector>

#include "reference/types.h"

namespace moe::reference {

/// The losses of one token.
struct MixtureLosses {
  float cooperative = 0;         ///< E1
  float competitive = 0;         ///< E2
  float mixture = 0;             ///< E3
  std::vector<float> posterior;  ///< h [E]: how much each expert explains
};

/// gate [E] as softmax returns it, outputs [E,O], target [O].
///   order: squares and weighted sums are chains of fma, index ascending,
///   from +0; E3 and h by log_sum_exp and softmax of log p_i - err_i / 2, so
///   that no exponential underflows.
///   Throws Error if the shapes do not fit or there is no expert.
MixtureLosses mixture_losses(const std::vector<float>& gate,
                             const ConstMatrix& outputs, const Vector& target);

}  // namespace moe::reference
