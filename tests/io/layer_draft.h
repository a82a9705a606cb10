// A small layer file, and how to see it refused.
#pragma once
#include "reference/io/array_values.h"
#include "reference/io/layer_file.h"
#include "reference/io/npz.h"
#include "tests/io/support.h"

namespace moe::io::testing {

/// A small layer file that tests change before it is written.
struct Draft {
  std::string meta = R"("kind":"topk","router":"softmax","k":2,"act":"silu","shared":null)";
  std::vector<Array> arrays;

  void add(const std::string& name, const Shape& shape, float value = 1) {
    const auto count = *byte_count(DType::f32, shape) / 4;
    const std::vector<float> values(count, value);
    arrays.push_back(make_array(name, shape, values));
  }

  // T=1 D=3 F=2 E=2
  Draft() {
    add("in.x", {1, 3});
    add("in.router_w", {2, 3});
    add("in.w_gate", {2, 2, 3});
    add("in.w_up", {2, 2, 3});
    add("in.w_down", {2, 3, 2});
  }

  Draft& without(const std::string& name) {
    std::erase_if(arrays, [&](const Array& array) { return array.name == name; });
    return *this;
  }

  Draft& with(const std::string& name, const Shape& shape, float value = 1) {
    without(name);
    add(name, shape, value);
    return *this;
  }

  Draft& saying(const std::string& more) {
    meta += "," + more;
    return *this;
  }

  LayerFile read(NonFinite nonfinite = NonFinite::refuse) const {
    const Folder folder;
    std::vector<Array> all = arrays;
    const std::string json = "{" + meta + "}";
    all.push_back(
        make_array("meta", DType::u8, {static_cast<Index>(json.size())}, bytes_of(json)));
    write_npz(folder.path("l.npz"), all);
    return read_layer_file(folder.path("l.npz"), nonfinite);
  }
};

/// Reading it throws an Error with these words and the name of the file.
inline void expect_refused(const Draft& draft, std::vector<std::string> parts) {
  parts.push_back("l.npz");
  expect_error([&] { draft.read(); }, parts);
}

}  // namespace moe::io::testing
