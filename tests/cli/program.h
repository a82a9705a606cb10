// Runs the program moe and keeps what it says.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moe::test {

using Json = nlohmann::json;

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A folder of its own for each test, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "moe cli XXXXXX").string();  // with spaces: paths may have them
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

  /// Names of what lies in it.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  std::filesystem::path path_;
};

/// What a run said.
struct Outcome {
  int status = -1;
  std::string out, err;
  /// Standard output as the one JSON object that it must be.
  Json json() const {
    const Json j = Json::parse(out, nullptr, false);
    EXPECT_TRUE(j.is_object()) << "standard output is not one JSON object:\n" << out << err;
    return j;
  }
};

inline std::string quoted(const std::string& word) {
  std::string s = "'";
  for (const char c : word) s += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return s + "'";
}

/// Runs moe with these arguments.
inline Outcome run_moe(const std::vector<std::string>& arguments) {
  const Folder folder;
  // Other tests run at the same time: threads that spin while they wait would take the processor from those they wait for.
  std::string command = "OMP_WAIT_POLICY=passive " + quoted(MOE_BINARY);
  for (const std::string& a : arguments) command.append(" ").append(quoted(a));
  command.append(" >").append(quoted(folder / "out")).append(" 2>").append(quoted(folder / "err")).append(" </dev/null");
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(folder / "out"), read_file(folder / "err")};
}

inline std::string data(const std::string& name) { return std::string(MOE_TEST_DATA "/").append(name); }

inline constexpr const char* kFastTiers = "reference,cpu";

}  // namespace moe::test
