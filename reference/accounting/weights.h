// The stored numbers of a model, matrix by matrix, each with its formula.
// Everything else of this folder (parameters, bytes, FLOPs) is a sum over
// this list.
#pragma once
#include <vector>

#include "reference/accounting/model.h"
#include "reference/accounting/size.h"

namespace moe::accounting {

/// What a weight belongs to, in the words of `moe account`.
enum class Component {
  embedding,
  lm_head,
  attention,  ///< every mixer, with the norms inside it
  dense_ffn,
  router,
  routed_experts,
  shared_experts,
  norms,  ///< those between the parts of a layer, and the final ones
};
/// How many components there are.
inline constexpr std::size_t kComponents = 8;
/// "routed_experts"
const char* name_of(Component component);

/// What is done with it.
enum class Role {
  product,  ///< a matrix [rows,cols] that multiplies a token
  table,    ///< looked up, not multiplied
  other,    ///< biases, norms, convolutions, decays
};

/// `copies` arrays [rows,cols] in each of `layers` layers.
struct Weight {
  Component component;  ///< what it belongs to
  std::string name;     ///< "q", "kv_down", "bias", ...
  Role role;            ///< what is done with it
  Size rows;            ///< outputs
  Size cols;            ///< inputs; 1: a vector
  Size copies = 1;      ///< E of an expert's
  Index met = 1;        ///< a token meets met / of of the copies
  Index of = 1;         ///< E, or E + Z with zero experts
  Index layers = 1;     ///< layers that have it

  /// copies x rows x cols x layers
  Index total() const;
  /// The part of total() that one token meets.
  Index active() const;
};

/// Every weight of the model without MTP. A tied table is its head.
std::vector<Weight> weights(const Model& model);

/// Every weight of the MTP modules that is not shared with the model.
std::vector<Weight> mtp_weights(const Model& model);

// ------------------------------------------------- parts, for weights()

/// Appends the weights of one mixer.
void add_mixer(std::vector<Weight>& list, const Mixer& mixer, Index D);
/// Appends the weights of a mixer that is not softmax attention.
void add_state_mixer(std::vector<Weight>& list, const Mixer& mixer, Index D);
/// Appends router, experts and shared experts.
void add_mixture(std::vector<Weight>& list, const Mixture& mixture, Index D);
/// Appends a dense network.
void add_dense(std::vector<Weight>& list, const DenseFfn& ffn, Index D);

}  // namespace moe::accounting
