// Bytes between devices: experts spread over ranks (EP), matrices split over
// ranks (TP), whole copies that train together (DP).
#pragma once
#include "reference/accounting/model.h"

namespace moe::accounting {

/// What travels for one token and one choice.
struct WireFormat {
  Index dispatch_bytes = 2;    ///< of a value on its way to an expert
  bool dispatch_scales = false;  ///< and a binary32 for 128 values (FP8)
  Index combine_bytes = 2;     ///< of a value on its way back
  Index metadata_bytes = 0;    ///< index and weight of a choice: 8, if counted
};

/// Bytes of one token over all MoE layers, every choice remote, none merged.
struct AllToAll {
  Index layers = 0;    ///< with experts
  Index dispatch = 0;  ///< to the experts
  Index combine = 0;   ///< and back
};
/// Counts them. Choices of zero experts send nothing.
AllToAll all_to_all(const Model& model, const WireFormat& wire);

/// Where R ranks, on N nodes, hold E / R experts each.
struct Spread {
  Index ranks = 1;  ///< R
  Index nodes = 1;  ///< N
};

/// Copies of a token in one MoE layer that leave their rank, expected for
/// uniform choices.
struct Copies {
  double each = 0;      ///< one for each choice: K (1 - 1/R)
  double per_rank = 0;  ///< one for each rank: distinct ranks but its own
  double per_node = 0;  ///< one for each node but its own: crosses the network
  double inside = 0;    ///< per_rank - those that per_node covers: in a node
};
/// Expects them. With `limited`, a token chooses `chosen_groups` of `groups`
/// groups first, which caps the nodes it reaches. Throws Error unless R
/// divides E and N divides R.
Copies expected_copies(const Mixture& mixture, const Spread& spread,
                       bool limited);

/// The same as bytes over all MoE layers, dispatched once for each rank.
double dispatch_bytes_per_rank_copy(const Model& model, const WireFormat& wire,
                                    const Spread& spread);

/// Bytes a rank sends for one token in all-reduces of tensor parallelism:
/// two a layer, each 2 (R - 1) / R of a vector of D.
double tensor_parallel_bytes(const Model& model, Index ranks,
                             Index value_bytes);

/// Bytes a rank sends to add up gradients over R copies of the model.
double data_parallel_bytes(Index parameters, Index ranks, Index value_bytes);

}  // namespace moe::accounting
