// What a peer is given and what it must do. A peer is a library that a user might pick instead of
// ours, put to the same work: one SwiGLU layer whose routing is known.
//
//   y[t] = sum over k of w[t,k] down_e (silu(gate_e x[t]) * (up_e x[t])),   e = selected[t,k]
//
// Each lives in a shared library of its own, made for this processor, and exports make_peer and
// peer_version; one that is not there is named and left out.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace moe::bench {

/// The weights as checkpoints hold them, row by row.
struct PlainLayer {
  std::int64_t D, F, E, K;
  std::vector<const float*> gate, up;  ///< [E] each [F,D]
  std::vector<const float*> down;      ///< [E] each [D,F]
};

/// Tokens and where they go.
struct RoutedTokens {
  std::int64_t T;
  const float* x;                ///< [T,D]
  const std::int32_t* selected;  ///< [T,K]
  const float* weights;          ///< [T,K]
};

/// A peer, its weights made ready.
class Peer {
 public:
  virtual ~Peer() = default;
  /// Writes y [T,D].
  virtual void run(const RoutedTokens& tokens, int threads, float* y) = 0;
};

}  // namespace moe::bench

#define EXACTMOE_PEER extern "C" __attribute__((visibility("default")))
/// Makes a peer ready; the layer stays alive. `mode` is one of the library's ways to do it; null if
/// it cannot do this shape.
EXACTMOE_PEER moe::bench::Peer* make_peer(const char* mode, const moe::bench::PlainLayer& layer);
/// The version of the library.
EXACTMOE_PEER std::string peer_version();
