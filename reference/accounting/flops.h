// Floating-point operations; a multiply-add is two.
//
//   weights    2 x the elements of every matrix that a token meets
//   attention  2 h (a + a_v) n over n keys, whatever g is
//   softmax, norms, biases, masks and rope are not counted (under 0.3 %)
#pragma once
#include "reference/accounting/weights.h"

namespace moe::accounting {

/// Products with weights, for one token; `head` for a token whose logits are
/// wanted. Of an encoder and a decoder, one token of each.
Index weight_flops(const Model& model, bool head);

/// What one mixer adds for one token that sees n keys, itself included.
/// `decoding`: MLA works on the latent, which costs more for each key and
/// saves unpacking them.
Index mixer_flops(const Mixer& mixer, Index n, bool decoding);

/// The sum of mixer_flops over positions 1 to S of a prompt.
Index mixer_prompt_flops(const Mixer& mixer, Index S);

/// One token at context n, with its logits.
Index decode_flops(const Model& model, Index n);

/// A prompt of S tokens; logits of one position, or of all.
Index prefill_flops(const Model& model, Index S, bool every_head);

/// A training sequence of S tokens: three forward passes' worth, or four
/// where everything is computed again before its backward pass.
Index training_flops(const Model& model, Index S, bool recompute);

/// Keys that a token at position n sees.
Index keys_seen(const Mixer& mixer, Index n);

}  // namespace moe::accounting
