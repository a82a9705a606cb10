// The numbers of an array. Every conversion is exact or refused.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "reference/io/array.h"
#include "reference/layer.h"

namespace moe::io {

/// Values of an F32, F16, BF16, F8_E4M3 or F8_E5M2 array, exactly. Throws
/// Error for any other type: an F64 would have to be rounded.
std::vector<float> to_f32(const Array& array);

/// Values of a floating-point array, exactly.
std::vector<double> to_f64(const Array& array);

/// Values of an integer or BOOL array. Throws Error where one does not fit.
std::vector<std::int64_t> to_i64(const Array& array);
/// The same with 32 bits.
std::vector<std::int32_t> to_i32(const Array& array);

/// The characters of a U8 array.
std::string to_characters(const Array& array);

/// Throws Error naming both shapes unless the array has that one.
void expect_shape(const Array& array, const Shape& shape);

/// Throws Error naming the first value that is NaN or infinite, and where.
void expect_finite(const Array& array, const std::vector<float>& values);

/// An F32, F16 or BF16 array of that shape, for use as inputs or weights:
/// its values, which must be finite unless `nonfinite` allows others.
std::vector<float> to_weights(const Array& array, const Shape& shape,
                              NonFinite nonfinite);

}  // namespace moe::io
