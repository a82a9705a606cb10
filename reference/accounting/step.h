// One step of serving: what is read, what is computed, how long it takes at
// least, and how well a measured time used the machine.
#pragma once
#include "reference/accounting/bytes.h"
#include "reference/accounting/cache.h"
#include "reference/accounting/hardware.h"

namespace moe::accounting {

/// Bytes that one decode step of B sequences reads, the whole model together.
struct StepBytes {
  double dense = 0;    ///< all weights but routed experts, and B table rows
  double experts = 0;  ///< the distinct routed experts of every layer
  double cache = 0;    ///< keys and values of B sequences
  double state = 0;    ///< recurrent states, read and written
  /// All of them.
  double sum() const { return dense + experts + cache + state; }
};

/// How many distinct experts a layer touches; negative: expected, uniformly.
inline constexpr double kUniform = -1;

/// Reads of B sequences at context n; `touched` experts in each MoE layer.
StepBytes step_bytes(const Model& model, const Formats& formats, Index B,
                     Index n, const CacheOptions& options,
                     double touched = kUniform);

/// FLOPs of that step.
double step_flops(const Model& model, Index B, Index n);

/// Seconds that a step takes at least.
struct Bound {
  double memory = 0;   ///< bytes / bandwidth
  double compute = 0;  ///< FLOPs / peak
  /// The larger: everything overlaps.
  double seconds() const { return memory > compute ? memory : compute; }
  /// Whether arithmetic is what limits.
  bool is_compute() const { return compute > memory; }
};

/// The bound of a decode step on `devices` devices, and of a prefill.
Bound decode_bound(const StepBytes& bytes, double flops, const Hardware& h,
                   Index devices);
/// A decode step whose products run one after the other, each limited by
/// memory or by arithmetic: the usual estimate, never below the bound.
double summed_seconds(const Model& model, const Formats& formats, Index B,
                      Index n, double touched, const Hardware& h,
                      Index devices);
/// A prompt of S tokens reads every weight once.
Bound prefill_bound(const Model& model, const Formats& formats, Index S,
                    const Hardware& h, Index devices);

/// Tokens in flight from which matrices of w bytes a number are limited by
/// arithmetic: dense ones, and experts of which a token chooses K of E.
struct ComputeBound {
  double dense = 0;    ///< ridge w / 2
  double experts = 0;  ///< ridge w E / (2 K)
};
/// Both, for the model's first mixture (experts 0 if it has none).
ComputeBound compute_bound_batch(const Model& model, const Hardware& h,
                                 double bytes_per_weight);

/// FLOPs for each byte of attention in decoding; no batch changes it.
double attention_intensity(const Mixer& mixer, Index element_bytes);

/// A measured step against the peaks, in shares.
struct Utilisation {
  double mbu = 0;    ///< every weight charged, chosen or not
  double s_mbu = 0;  ///< what the batch touched
  double mfu = 0;    ///< every parameter charged
  double s_mfu = 0;  ///< what tokens met
};
/// Of a decode step of B sequences that took `seconds`.
Utilisation utilisation(const Model& model, const Formats& formats, Index B,
                        Index n, double touched, double seconds,
                        const Hardware& h, Index devices);

}  // namespace moe::accounting
