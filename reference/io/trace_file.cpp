#include "reference/io/trace_file.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/io/array_values.h"
#include "reference/io/npz.h"

namespace moe::io {

void write_trace(const std::string& path, const Recording& trace) {
  std::vector<Array> arrays;
  for (const Stage& stage : trace.stages)
    if (const auto* floats = std::get_if<std::vector<float>>(&stage.values))
      arrays.push_back(make_array(stage.name, stage.shape, *floats));
    else
      arrays.push_back(
          make_array(stage.name, stage.shape,
                     std::get<std::vector<std::int32_t>>(stage.values)));
  write_npz(path, arrays);
}

Recording read_trace(const std::string& path) {
  Recording trace;
  for (const Array& array : read_npz(path).arrays()) {
    if (array.dtype == DType::f32)
      trace.stages.push_back({array.name, array.shape, to_f32(array)});
    else if (array.dtype == DType::i32)
      trace.stages.push_back({array.name, array.shape, to_i32(array)});
    else
      throw Error(fmt::format("{}: expected F32 or I32, found {}",
                              place_of(array), name_of(array.dtype)));
  }
  return trace;
}

}  // namespace moe::io
