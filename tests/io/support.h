// What the tests of reference/io share: folders, files, errors.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "reference/error.h"
#include "reference/io/array.h"

namespace moe::io::testing {

inline std::string data_path(const std::string& name) {
  return std::string(MOE_TEST_DATA "/").append(name);
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.good()) << path;
}

inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "exactmoe-io-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      found.push_back(entry.path().filename());
    return found;
  }

 private:
  std::string path_;
};

/// The message of the Error that `action` throws; a failure if it throws none or something else.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "expected moe::Error, came another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "expected moe::Error, came none";
  return "";
}

/// Expects an Error whose message holds every one of `parts`.
inline void expect_error(const std::function<void()>& action,
                         const std::vector<std::string>& parts) {
  const std::string message = error_of(action);
  for (const std::string& part : parts)
    EXPECT_NE(message.find(part), std::string::npos)
        << "message: " << message << "\nlacks:   " << part;
}

/// One tensor of a .safetensors file.
struct Tensor {
  std::string name;
  std::string dtype;
  Shape shape;
  std::string bytes;
};

inline Tensor f32_tensor(std::string name, Shape shape, const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return {std::move(name), "F32", std::move(shape), std::move(bytes)};
}

inline std::string with_length(const std::string& header) {
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> (8 * i) & 0xff);
  return file + header;
}

/// The bytes of a .safetensors file.
inline std::string safetensors(const std::vector<Tensor>& tensors) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  std::string data;
  for (const Tensor& tensor : tensors) {
    header += ",\"" + tensor.name + R"(":{"dtype":")" + tensor.dtype + R"(","shape":)" +
              to_text(tensor.shape) + ",\"data_offsets\":" +
              to_text({static_cast<Index>(data.size()),
                       static_cast<Index>(data.size() + tensor.bytes.size())}) +
              "}";
    data += tensor.bytes;
  }
  return with_length(header + "}") + data;
}

}  // namespace moe::io::testing
