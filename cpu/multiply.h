// The heart: tiles of rows times panels of weights, one chain per output.
#pragma once
#include "cpu/packed_rows.h"
#include "cpu/panels.h"

namespace moe::cpu {

/// Rows of a tile at most, on any instruction set.
inline constexpr Index kMostRows = 12;

/// Rows of a tile at most, on the instruction set in use.
Index tile_height();

/// A block of a product: some tiles of the rows times some panels of the weights.
struct Block {
  Index first_tile, last_tile;    ///< tiles first_tile .. last_tile-1
  Index first_panel, last_panel;  ///< panels first_panel .. last_panel-1
};

/// out[panel][row][16]: the products of the block's rows with the block's panels, panels and rows
/// counted from the block's first.
///   order: one chain of fused multiply-adds per output, k ascending, from the panel's start.
void multiply(const PackedRows& rows, const Panels& weights, const Block& block, float* out);

}  // namespace moe::cpu
