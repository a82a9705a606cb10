// .safetensors files and folders of them.
#include "reference/io/safetensors.h"

#include "reference/io/array_values.h"
#include "reference/io/checkpoint.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::f32_tensor;
using testing::Folder;
using testing::safetensors;
using testing::with_length;
using testing::write_bytes;

ArrayTable parse(const std::string& text) {
  return parse_safetensors(bytes_of(text), nullptr, "m.safetensors");
}

void expect_refused(const std::string& header, std::size_t data_bytes,
                    std::vector<std::string> parts) {
  parts.push_back("m.safetensors");
  const std::string text = with_length(header) + std::string(data_bytes, '\0');
  expect_error([&] { parse(text); }, parts);
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":)" + entry(dtype, shape, offsets) + "}";
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirBytes) {
  const std::string text = safetensors({f32_tensor("z", {2, 1}, {1, 2}),
                                        {"a", "I64", {1}, std::string("\x05\0\0\0\0\0\0\0", 8)},
                                        {"empty", "BF16", {0, 3}, ""},
                                        {"m", "BOOL", {}, std::string("\1", 1)}});
  const ArrayTable table = parse(text);
  ASSERT_EQ(table.arrays().size(), 4U);
  EXPECT_EQ(table.arrays()[0].name, "z");
  EXPECT_EQ(table.arrays()[1].name, "a");
  EXPECT_EQ(to_f32(table.at("z")), (std::vector<float>{1, 2}));
  EXPECT_EQ(to_i64(table.at("a")), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(table.at("empty").shape, (Shape{0, 3}));
  EXPECT_EQ(table.at("m").shape, Shape{});
}

TEST(Safetensors, KnowsEveryType) {
  for (const auto& [name, size] : std::vector<std::pair<std::string, std::size_t>>{{"F64", 8},
                                                                                   {"F32", 4},
                                                                                   {"F16", 2},
                                                                                   {"BF16", 2},
                                                                                   {"I64", 8},
                                                                                   {"I32", 4},
                                                                                   {"I16", 2},
                                                                                   {"I8", 1},
                                                                                   {"U8", 1},
                                                                                   {"BOOL", 1},
                                                                                   {"F8_E4M3", 1},
                                                                                   {"F8_E5M2", 1}})
    EXPECT_EQ(
        parse(safetensors({{"w", name, {3}, std::string(3 * size, 'x')}})).at("w").bytes.size(),
        3 * size);
}

TEST(Safetensors, HeaderMayBePaddedAndEmpty) {
  EXPECT_TRUE(parse(with_length("{}   ")).arrays().empty());
  EXPECT_TRUE(parse(with_length(R"({"__metadata__":{"a":"b"}})")).arrays().empty());
}

TEST(Safetensors, RefusesALyingLength) {
  for (const std::size_t size : {0U, 1U, 7U})
    expect_error([&] { parse(std::string(size, '\0')); }, {"m.safetensors", "8 bytes"});
  expect_error([] { parse(std::string(8, '\xff') + "{}"); },
               {"header of 18446744073709551615 bytes"});
  expect_error([] { parse(std::string("\x03\0\0\0\0\0\0\0{}", 10)); },
               {"header of 3 bytes", "2 follow"});
  expect_error([] { parse(std::string(8, '\0')); }, {"'{'"});
}

TEST(Safetensors, RefusesEntriesThatLie) {
  expect_refused(one("F33", "[1]", "[0,4]"), 4, {"array w", "dtype", "F33"});
  expect_refused(R"({"w":{"shape":[1],"data_offsets":[0,4]}})", 4, {"array w", "dtype", "none"});
  expect_refused(R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", 4,
                 {"array w", "shape", "nothing"});
  expect_refused(R"({"w":{"dtype":"F32","shape":[1]}})", 4, {"array w", "data_offsets", "nothing"});
  expect_refused(R"({"w":3})", 0, {"array w", "object", "3"});
  expect_refused("[]", 0, {"'{'"});
  expect_refused(one("F32", "[-1]", "[0,4]"), 4, {"array w", "shape", "-1"});
  expect_refused(one("F32", "[1.0]", "[0,4]"), 4, {"array w", "shape"});
  expect_refused(one("F32", "[18446744073709551615]", "[0,4]"), 4, {"array w", "shape"});
  expect_refused(one("F32", "[18446744073709551616]", "[0,4]"), 4, {"array w", "shape"});
  expect_refused(one("F32", "[2]", "[0,4]"), 4, {"array w", "8 bytes", "found 4"});
  expect_refused(one("F32", "[1]", "[4,0]"), 4, {"array w", "data_offsets", "[4, 0]"});
  expect_refused(one("F32", "[1]", "[0,8]"), 4, {"array w", "data_offsets", "[0, 8]"});
  expect_refused(one("F32", "[1]", "[0]"), 4, {"array w", "data_offsets"});
  expect_refused(one("F32", "[4294967296,4294967296]", "[0,4]"), 4, {"array w", "more than 2^63"});
  expect_refused(one("F32", "[4611686018427387905]", "[0,4]"), 4, {"array w", "more than 2^63"});
}

TEST(Safetensors, RefusesOverlapsGapsAndRests) {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":)" + entry("U8", "[4]", a) + R"(,"b":)" + entry("U8", "[4]", b) + "}";
  };
  EXPECT_EQ(parse(with_length(two("[4,8]", "[0,4]")) + "abcdefgh").arrays()[0].name, "b");
  expect_refused(two("[0,4]", "[2,6]"), 8, {"array b", "byte 4", "found 2"});
  expect_refused(two("[0,4]", "[0,4]"), 8, {"array b", "byte 4", "found 0"});
  expect_refused(two("[0,4]", "[5,9]"), 9, {"array b", "byte 4", "found 5"});
  expect_refused(two("[1,5]", "[5,9]"), 9, {"array a", "byte 0", "found 1"});
  expect_refused(two("[0,4]", "[4,8]"), 9, {"end at byte 8", "the file at 9"});
}

TEST(Safetensors, RefusesBadJson) {
  expect_refused("{", 0, {"malformed JSON"});
  expect_refused(R"({"a":1e999})", 0, {"malformed JSON"});
  expect_refused("{\"\xff\":1}", 0, {"malformed JSON"});
  expect_refused("{} x", 0, {"malformed JSON"});
  expect_refused(
      R"({"w":)" + entry("U8", "[0]", "[0,0]") + R"(,"w":)" + entry("U8", "[0]", "[0,0]") + "}", 0,
      {"\"w\"", "twice"});
  expect_refused(R"({"w":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0,
                 {"\"dtype\"", "twice"});
}

TEST(Safetensors, RefusesDeepJson) {
  for (const std::size_t depth : {65U, 100'000U, 1'000'000U}) {
    expect_refused(R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + "}", 0,
                   {"deeper than 64"});
    expect_refused(R"({"a":)" + std::string(depth, '['), 0, {"deeper than 64"});
    std::string objects;
    for (std::size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    expect_refused(objects, 0, {"deeper than 64"});
  }
  expect_refused(R"({"a":)" + std::string(63, '[') + std::string(63, ']') + "}", 0,
                 {"array a", "object"});
}

TEST(Checkpoint, ReadsOneFileOrShards) {
  const Folder folder;
  write_bytes(folder.path("m-1.safetensors"),
              safetensors({f32_tensor("a", {1}, {1}), f32_tensor("b", {1}, {2})}));
  write_bytes(folder.path("m-2.safetensors"), safetensors({f32_tensor("c", {1}, {3})}));
  const std::string index = folder.path("model.safetensors.index.json");
  write_bytes(index, R"({"metadata":{"total_size":12},"weight_map":{"a":"m-1.safetensors",)"
                     R"("b":"m-1.safetensors","c":"m-2.safetensors"}})");
  const Checkpoint sharded(folder.path());
  EXPECT_EQ(to_f32(sharded.at("b")), std::vector<float>{2});
  EXPECT_EQ(to_f32(sharded.at("c")), std::vector<float>{3});
  EXPECT_EQ(sharded.find("d"), nullptr);
  expect_error([&] { sharded.at("d"); }, {folder.path(), "array d", "missing"});

  write_bytes(folder.path("model.safetensors"), safetensors({f32_tensor("d", {1}, {4})}));
  const Checkpoint single(folder.path());
  EXPECT_EQ(to_f32(single.at("d")), std::vector<float>{4});
  EXPECT_EQ(single.find("a"), nullptr);
}

TEST(Checkpoint, RefusesABadIndex) {
  const Folder folder;
  const std::string index = folder.path("model.safetensors.index.json");
  expect_error([&] { Checkpoint checkpoint(folder.path()); }, {folder.path(), "found neither"});
  expect_error([&] { Checkpoint checkpoint(folder.path("none")); }, {"none", "folder"});
  write_bytes(folder.path("m.safetensors"), safetensors({f32_tensor("a", {1}, {1})}));
  const auto expect_index = [&](const std::string& json, std::vector<std::string> parts) {
    write_bytes(index, json);
    expect_error([&] { Checkpoint checkpoint(folder.path()); }, parts);
  };
  expect_index("[]", {"index.json", "weight_map"});
  expect_index("{}", {"index.json", "weight_map"});
  expect_index(R"({"weight_map":[]})", {"index.json", "weight_map"});
  expect_index(R"({"weight_map":{"b":"m.safetensors"}})", {"m.safetensors", "array b", "missing"});
  expect_index(R"({"weight_map":{"a":"gone.safetensors"}})", {"gone.safetensors", "No such file"});
  for (const char* name : {"../m.safetensors", "/m.safetensors", "x/../m.safetensors", "m.bin", "",
                           "..\\\\m.safetensors", "m\\u0000.safetensors"})
    expect_index(R"({"weight_map":{"a":")" + std::string(name) + "\"}}",
                 {"index.json", "array a", "same folder"});
  expect_index(R"({"weight_map":{"a":1}})", {"index.json", "array a", "same folder"});
}

}  // namespace
}  // namespace moe::io
