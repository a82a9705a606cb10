// Which layers of a model have experts. For the sources of this folder only.
#pragma once
#include "reference/io/config_reader.h"
#include "reference/io/hugging_face_names.h"
#include "reference/io/model_info.h"

namespace moe::io {

/// Fills in layers and moe_layers, by the keys that LayerKeys names.
void read_layers(const ConfigReader& config, const Family& family,
                 ModelInfo& info);

}  // namespace moe::io
