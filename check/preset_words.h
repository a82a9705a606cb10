// A preset in words: its switches as tables show them.
#pragma once
#include <string>

#include "reference/presets.h"

namespace moe::check {

/// Each a cell of a table; "–" where the preset has none of it.
struct PresetWords {
  std::string variant;     ///< "sparse"; with the choices of a variant: "soft, l2"
  std::string scores;      ///< "softmax(z)"
  std::string key;         ///< what is ranked: "s + bias"
  std::string groups;      ///< "4 of 8 groups by sum of two largest"
  std::string raw_weight;  ///< "softmax(chosen z)"
  std::string divided_by;  ///< "sum + 1e-20"
  std::string scale;       ///< "2.5"
  std::string places;      ///< "lingvo × 2, by choice"
  std::string shared;      ///< "times sigmoid(gate·x)"
  std::string chosen;      ///< K; at both levels, where there are two: "2 · 2"
  std::string experts;     ///< "SwiGLU, clamped at 7, biases"
  std::string besides;     ///< noise, later slots, identities, ...
  std::string ranked;      ///< key and groups in one, of token choice
  std::string weight;      ///< raw weight, division and scale in one, of token choice
};

/// The preset in words.
PresetWords words(const Preset& preset);

}  // namespace moe::check
