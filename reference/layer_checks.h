// What makes a layer make sense, piece by piece. For the checks of the layers;
// callers use validate() of reference/layer.h and variants.h.
#pragma once
#include <string>

#include "reference/layer.h"

namespace moe::checks {

/// Each throws Error naming the piece, what was expected and what was found.
/// `finite`: also that all numbers are finite.
void expect_shape(const std::string& name, Index rows, Index cols,
                  Index expected_rows, Index expected_cols);
/// Of that length, or empty.
void expect_length(const std::string& name, const Vector& v, Index length);
/// Finite numbers.
void expect_finite(const std::string& name, const Matrix& m);
/// Finite numbers.
void expect_finite(const std::string& name, const Vector& v);
/// Shapes of one network, [F,D] and [D,F], and its numbers.
void expect_ffn(const std::string& name, const Ffn& ffn, bool gated, Index F,
                Index D, bool finite);
/// Choices, shapes and numbers of a router over E experts.
void expect_router(const std::string& name, const Router& router, Index E,
                   Index D, bool finite);
/// That the router is of the plain kind: the largest keys, no noise, ... as
/// layers need that do not choose experts for tokens alone.
void expect_plain(const std::string& name, const Router& router);
/// At least one network, all of one shape, and 0 or more identities.
void expect_experts(const Experts& experts, Index D, bool finite);
/// The two matrices of a latent space.
void expect_latent(const Latent& latent, Index D, bool finite);
/// The shared expert.
void expect_shared(const Shared& shared, Index D, bool finite);
/// A limit on places.
void expect_capacity(const std::string& name, const Capacity& capacity);
/// x is [T,D] with T*K pairs that can be counted, and made of whole groups
/// (0: one group); finite if that is asked for.
void expect_input(const ConstMatrix& x, Index D, Index K, Index group,
                  bool finite);

}  // namespace moe::checks
