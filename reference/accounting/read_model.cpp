#include "reference/accounting/read_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "reference/accounting/families.h"
#include "reference/error.h"
#include "reference/io/mapped_file.h"

namespace moe::accounting {
namespace {

std::vector<Family> all_families() {
  std::vector<Family> all;
  for (const auto list :
       {plain_families(), qwen_families(), deepseek_families(),
        hybrid_families(), minimax_families(), single_families(),
        native_families(), two_stack_families()})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

const Family& family_of(Settings& s, const std::vector<Family>& all) {
  const auto type = s.text({"model_type"});
  for (const Family& family : all)
    if (type == family.model_type) return family;
  s.refuse("model_type", fmt::format("one of {}",
                                     fmt::join(known_model_types(), ", ")));
}

std::string number_format(Settings& s) {
  const auto type = s.text({"torch_dtype", "dtype"});
  if (!type) s.assume("torch_dtype: bfloat16");
  if (!type || *type == "bfloat16") return "bf16";
  if (*type == "float16") return "f16";
  if (*type == "float32") return "f32";
  s.refuse(s.has({"torch_dtype"}) ? "torch_dtype" : "dtype",
           "bfloat16, float16 or float32");
}

// How linear layers are stored: by the quantization_config, if there is one.
void read_storage(Settings& s, Model& m) {
  m.storage.number = number_format(s);
  if (!s.has({"quantization_config"})) return;
  const auto method = s.text({"quantization_config.quant_method"});
  if (method == "fp8") {
    const auto block =
        s.list({"quantization_config.weight_block_size"}, kLargestSize);
    if (block && *block != std::vector<Index>{128, 128})
      s.refuse("quantization_config.weight_block_size", "[128, 128]");
    m.storage.linear = block ? "fp8" : "fp8_row";
  } else if (method == "mxfp4") {
    m.storage.linear = "mxfp4";
    m.storage.experts_only = true;
  } else {
    m.not_counted.push_back(fmt::format(
        "quantization_config ({}): bytes are those of {}",
        method.value_or("no quant_method"), m.storage.number));
  }
}

}  // namespace

std::vector<std::string> known_model_types() {
  std::vector<std::string> names;
  for (const Family& family : all_families())
    names.emplace_back(family.model_type);
  std::sort(names.begin(), names.end());
  return names;
}

Model parse_model(std::string_view text, const std::string& place) {
  Settings s(text, place);
  const std::vector<Family> all = all_families();
  const Family& family = family_of(s, all);
  Model m;
  m.name = place;
  m.model_type = family.model_type;
  family.read(s, m);
  read_storage(s, m);
  m.assumed = s.assumed();
  m.unused = s.leftovers();
  return m;
}

Model read_model(const std::string& path) {
  return parse_model(io::read_text(path, std::size_t{16} << 20), path);
}

}  // namespace moe::accounting
