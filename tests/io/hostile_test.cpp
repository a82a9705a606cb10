// Files that were cut, bent or made to lie: they load or they throw moe::Error; nothing else
// happens.
#include <sys/resource.h>

#include <random>

#include "reference/io/array_values.h"
#include "reference/io/hugging_face.h"
#include "reference/io/layer_file.h"
#include "reference/io/npy.h"
#include "reference/io/npz.h"
#include "reference/io/safetensors.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::bytes_of;
using testing::data_path;
using testing::expect_error;
using testing::f32_tensor;
using testing::Folder;
using testing::read_bytes;
using testing::safetensors;
using testing::write_bytes;

// Touches every number, so that a sanitizer sees a view that leaves its bytes.
void touch(const ArrayTable& table) {
  for (const Array& array : table.arrays()) {
    ASSERT_EQ(array.bytes.size(), byte_count(array.dtype, array.shape)) << place_of(array);
    unsigned sum = 0;
    for (const std::byte b : array.bytes) sum += std::to_integer<unsigned>(b);
    ASSERT_LE(sum, 255 * array.bytes.size());
  }
}

enum class Outcome { loaded, refused };

// An Error must name the file; any other exception fails the test.
Outcome outcome_of(const std::function<void()>& read, const std::string& file) {
  try {
    read();
    return Outcome::loaded;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find(file), 0U) << error.what();
    return Outcome::refused;
  }
}

struct Format {
  const char* name;
  std::string (*make)();
  void (*read)(const std::string& bytes);
};

std::string small_npz() {
  const Folder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int32_t> ints = {7, 8};
  write_npz(folder.path("s.npz"),
            std::vector<Array>{make_array("w", {2, 3}, values), make_array("i", {2}, ints)});
  return read_bytes(folder.path("s.npz"));
}

std::string small_safetensors() {
  return safetensors({f32_tensor("w", {2, 3}, {1, 2, 3, 4, 5, 6}), f32_tensor("b", {2}, {7, 8})});
}

std::string small_npy() {
  return read_bytes(data_path("io/version_1.npy"));
}

void read_npy_bytes(const std::string& bytes) {
  const Array array = parse_npy(bytes_of(bytes), nullptr, "hostile", "w");
  ArrayTable table("hostile");
  table.add(array);
  touch(table);
}

const Format kFormats[] = {
    {"npy", small_npy, read_npy_bytes},
    {"npz", small_npz,
     [](const std::string& bytes) { touch(parse_npz(bytes_of(bytes), "hostile")); }},
    {"deflated_npz", [] { return read_bytes(data_path("io/deflated.npz")); },
     [](const std::string& bytes) { touch(parse_npz(bytes_of(bytes), "hostile")); }},
    {"safetensors", small_safetensors,
     [](const std::string& bytes) {
       touch(parse_safetensors(bytes_of(bytes), nullptr, "hostile"));
     }},
};

class Hostile : public ::testing::TestWithParam<Format> {};

TEST_P(Hostile, TheWholeFileLoads) {
  GetParam().read(GetParam().make());
}

TEST_P(Hostile, EveryTruncationIsRefused) {
  const std::string whole = GetParam().make();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // an allocation of exactly that size, so that a sanitizer sees one byte too far
    const std::string cut(whole.data(), size);
    EXPECT_EQ(outcome_of([&] { GetParam().read(cut); }, "hostile"), Outcome::refused) << size;
  }
}

TEST_P(Hostile, BitFlipsLoadOrAreRefused) {
  const std::string whole = GetParam().make();
  const std::size_t step = whole.size() < 1000 ? 1 : 7;  // every bit of a small file
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += step) {
    std::string bent = whole;
    bent[bit / 8] = static_cast<char>(bent[bit / 8] ^ (1 << bit % 8));
    refused += outcome_of([&] { GetParam().read(bent); }, "hostile") == Outcome::refused;
  }
  EXPECT_GT(refused, 100);
}

TEST_P(Hostile, ThousandsOfMutantsLoadOrAreRefused) {
  const std::string whole = GetParam().make();
  std::mt19937 random(0x5eed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string mutant = whole;
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
      const std::size_t at = below(mutant.size());
      const std::size_t length = std::min(1 + below(8), mutant.size() - at);
      switch (below(5)) {
        case 0:
          mutant[at] = static_cast<char>(random());
          break;
        case 1:
          mutant.replace(at, length, length, '\xff');
          break;
        case 2:
          mutant.replace(at, length, length, '\0');
          break;
        case 3:
          mutant.insert(at, mutant.substr(below(mutant.size()), length));
          break;
        default:
          if (mutant.size() > length + 1) mutant.erase(at, length);
      }
    }
    refused += outcome_of([&] { GetParam().read(mutant); }, "hostile") == Outcome::refused;
  }
  EXPECT_GT(refused, 1000);
}

INSTANTIATE_TEST_SUITE_P(All, Hostile, ::testing::ValuesIn(kFormats),
                         [](const auto& way) { return std::string(way.param.name); });

// Less address space for the life of this object. Sanitizers reserve terabytes; they get no limit.
class SmallMemory {
 public:
  SmallMemory() {
    EXPECT_EQ(::getrlimit(RLIMIT_AS, &before_), 0);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    if (pages > (std::size_t{1} << 30) / 4096) return;
    const rlimit small{std::min<rlim_t>(rlim_t{1} << 30, before_.rlim_max), before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &small), 0);
  }
  SmallMemory(const SmallMemory&) = delete;
  SmallMemory& operator=(const SmallMemory&) = delete;
  ~SmallMemory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

// Files of about 100 bytes that ask for 4 GB are refused before anything of that size is allocated:
// the address space has no room for it.
TEST(Hostile, SmallFilesCannotAskForGigabytes) {
  const SmallMemory limit;
  const auto header = [](const std::string& text) {
    return testing::with_length(text) + "12345678";
  };
  for (const std::string& text : {
           header(R"({"w":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}})"),
           header(R"({"w":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,8]}})"),
           header(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[4294967296,4294967296]}})"),
       }) {
    ASSERT_LT(text.size(), 110U);
    expect_error([&] { parse_safetensors(bytes_of(text), nullptr, "m.safetensors"); },
                 {"m.safetensors", "array w"});
  }
  expect_error(
      [] {
        parse_safetensors(bytes_of(std::string("\0\0\0\0\1\0\0\0{}", 10)), nullptr,
                          "m.safetensors");
      },
      {"m.safetensors", "header of 4294967296 bytes"});
  std::string npy("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14);
  expect_error([&] { parse_npy(bytes_of(npy), nullptr, "a.npy", "w"); },
               {"a.npy", "4294967295 bytes"});
}

std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

// A zip with one deflated entry w.npy that says it unpacks to `claimed` bytes.
std::string zip_with(const std::string& deflated, std::uint64_t claimed) {
  const std::string name = "w.npy";
  const std::string facts = little_endian(20, 2) + little_endian(0, 2) + little_endian(8, 2) +
                            little_endian(0, 4) + little_endian(0, 4) +
                            little_endian(deflated.size(), 4) + little_endian(claimed, 4) +
                            little_endian(name.size(), 2) + little_endian(0, 2);
  const std::string local = "PK\3\4" + facts + name + deflated;
  const std::string central =
      "PK\1\2" + little_endian(20, 2) + facts + std::string(14, '\0') + name;
  return local + central + "PK\5\6" + std::string(4, '\0') + little_endian(1, 2) +
         little_endian(1, 2) + little_endian(central.size(), 4) + little_endian(local.size(), 4) +
         std::string(2, '\0');
}

// 2 MB of deflate may unpack to 2 GB; the array's own header says 12 bytes. It must be asked before
// memory is.
TEST(Hostile, AnArchiveThatUnpacksToMoreThanItsShapeIsRefusedFirst) {
  std::string npy = small_npy();
  npy.resize(std::size_t{2} << 20);
  std::string deflated;  // blocks that are stored as they are
  constexpr std::size_t kBlock = 0xffff;
  for (std::size_t at = 0; at < npy.size(); at += kBlock) {
    const std::string block = npy.substr(at, kBlock);
    const bool last = at + kBlock >= npy.size();
    deflated += little_endian(last, 1) + little_endian(block.size(), 2) +
                little_endian(~block.size(), 2) + block;
  }
  const std::string file = zip_with(deflated, 0x78000000);
  const std::string honest = zip_with(deflated, npy.size());
  const SmallMemory limit;
  expect_error([&] { parse_npz(bytes_of(file), "bomb.npz"); },
               {"bomb.npz", "array w", "12 bytes", "found 2013265"});
  expect_error([&] { parse_npz(bytes_of(honest), "bomb.npz"); },
               {"bomb.npz", "array w", "12 bytes"});
}

// ------------------------------------------------------------------------------------------------
// model folders

constexpr const char* kConfig =
    R"({"model_type":"mixtral","hidden_size":2,"intermediate_size":1,"num_local_experts":1,"num_experts_per_tok":1,
        "num_hidden_layers":1})";

std::string small_model() {
  const std::string p = "model.layers.0.block_sparse_moe.";
  return safetensors({f32_tensor(p + "gate.weight", {1, 2}, {1, 2}),
                      f32_tensor(p + "experts.0.w1.weight", {1, 2}, {3, 4}),
                      f32_tensor(p + "experts.0.w3.weight", {1, 2}, {5, 6}),
                      f32_tensor(p + "experts.0.w2.weight", {2, 1}, {7, 8})});
}

TEST(HostileFolder, EveryTruncationOfAnyFileIsRefused) {
  const Folder folder;
  const std::string model = small_model();
  const std::string config = kConfig;
  write_bytes(folder.path("config.json"), config);
  write_bytes(folder.path("model.safetensors"), model);
  EXPECT_EQ(Model(folder.path()).load_layer(0).experts.ffn[0].down(1, 0), 8);
  for (std::size_t size = 0; size < config.size(); ++size) {
    write_bytes(folder.path("config.json"), config.substr(0, size));
    EXPECT_EQ(outcome_of([&] { Model(folder.path()).load_layer(0); }, folder.path()),
              Outcome::refused)
        << size;
  }
  write_bytes(folder.path("config.json"), config);
  for (std::size_t size = 0; size < model.size(); ++size) {
    write_bytes(folder.path("model.safetensors"), model.substr(0, size));
    EXPECT_EQ(outcome_of([&] { Model(folder.path()).load_layer(0); }, folder.path()),
              Outcome::refused)
        << size;
  }
  std::filesystem::remove(folder.path("config.json"));
  expect_error([&] { Model model_without(folder.path()); }, {"config.json", "No such file"});
}

TEST(HostileFolder, MutantsLoadOrAreRefused) {
  const Folder folder;
  const std::string model = small_model();
  const std::string config = kConfig;
  std::mt19937 random(0xf01de5);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string c = config;
    std::string m = model;
    std::string& bent = round % 2 == 0 ? c : m;
    bent[random() % bent.size()] = static_cast<char>(random());
    write_bytes(folder.path("config.json"), c);
    write_bytes(folder.path("model.safetensors"), m);
    refused +=
        outcome_of([&] { Model(folder.path()).load_layer(0); }, folder.path()) == Outcome::refused;
  }
  EXPECT_GT(refused, 300);
}

TEST(HostileFolder, LayerFileMutantsLoadOrAreRefused) {
  const Folder folder;
  const std::string path = folder.path("l.npz");
  const std::vector<float> x = {1, 2, 3, 4};
  const std::string good =
      R"({"kind":"topk","router":"sigmoid","k":1,"act":"silu","shared":null,"n_group":1,)"
      R"("topk_group":1,"mask_value":"-inf","renorm":"sum","renorm_eps":1e-20})";
  std::mt19937 random(0x1a4e5);
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string meta = good;
    if (round > 0) meta[random() % meta.size()] = static_cast<char>(random());
    write_npz(path,
              std::vector<Array>{
                  make_array("meta", DType::u8, {static_cast<Index>(meta.size())}, bytes_of(meta)),
                  make_array("in.x", {2, 2}, x), make_array("in.router_w", {2, 2}, x),
                  make_array("in.w_gate", {2, 1, 2}, x), make_array("in.w_up", {2, 1, 2}, x),
                  make_array("in.w_down", {2, 2, 1}, x)});
    const Outcome outcome = outcome_of([&] { read_layer_file(path); }, path);
    refused += outcome == Outcome::refused;
    if (round == 0) {
      EXPECT_EQ(outcome, Outcome::loaded);
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace moe::io
