// .npy: what numpy writes is read, what it would not write is refused.
#include "reference/io/npy.h"

#include "reference/io/array_values.h"
#include "reference/io/npy_header.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::bytes_of;
using testing::data_path;
using testing::expect_error;
using testing::read_bytes;

std::string npy(const std::string& dict, std::size_t data_bytes, char version = 1) {
  std::string text("\x93NUMPY");
  text +=
      {version, '\0', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  if (version > 1) text += std::string(2, '\0');
  return text + dict + std::string(data_bytes, '\0');
}

Array parse(const std::string& text) {
  return parse_npy(bytes_of(text), nullptr, "file.npy", "w");
}

TEST(Npy, ReadsEveryVersionNumpyWrites) {
  for (const char* name : {"io/version_1.npy", "io/version_2.npy", "io/version_3.npy"}) {
    const std::string text = read_bytes(data_path(name));
    const Array array = parse(text);
    EXPECT_EQ(array.shape, Shape{3}) << name;
    EXPECT_EQ(to_f32(array), (std::vector<float>{0, 1, 2})) << name;
  }
}

TEST(Npy, RefusesWhatItCannotHold) {
  const std::string big = read_bytes(data_path("io/big_endian.npy"));
  expect_error([&] { parse(big); }, {"file.npy", "array w", "little-endian", ">f4"});
  const std::string records = read_bytes(data_path("io/records.npy"));
  expect_error([&] { parse(records); }, {"file.npy", "array w", "a string"});
  expect_error([] { parse(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8)); },
               {"|O"});
}

TEST(Npy, WritesTheBytesNumpyWrites) {
  const std::vector<float> row = {0, 1, 2};
  const auto written = format_npy(make_array("w", {3}, row));
  const std::string expected = read_bytes(data_path("io/version_1.npy"));
  ASSERT_EQ(written.size(), expected.size());
  EXPECT_EQ(std::memcmp(written.data(), expected.data(), expected.size()), 0);
}

TEST(Npy, RoundTripsEveryShapeAndType) {
  for (const DType dtype :
       {DType::f64, DType::f32, DType::f16, DType::i64, DType::i32, DType::i16, DType::i8,
        DType::u64, DType::u32, DType::u16, DType::u8, DType::boolean})
    for (const Shape& shape :
         {Shape{}, Shape{1}, Shape{0}, Shape{3, 2}, Shape{2, 0, 3}, Shape{1, 2, 3, 2}}) {
      std::vector<std::byte> bytes(*byte_count(dtype, shape));
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 + 1);
      const auto text = format_npy(make_array("w", dtype, shape, bytes));
      const Array back = parse_npy(text, nullptr, "file.npy", "w");
      EXPECT_EQ(back.dtype, dtype);
      EXPECT_EQ(back.shape, shape);
      EXPECT_TRUE(std::equal(back.bytes.begin(), back.bytes.end(), bytes.begin(), bytes.end()));
    }
  expect_error([] { npy_header(DType::bf16, {1}); }, {"BF16"});
}

TEST(Npy, FortranOrderBecomesCOrder) {
  std::string text = npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", 0);
  text += {0, 10, 1, 11, 2, 12};  // columns one after the other
  EXPECT_EQ(to_i32(parse(text)), (std::vector<std::int32_t>{0, 1, 2, 10, 11, 12}));
}

TEST(Npy, KeysMayComeInAnyOrderAndQuotes) {
  EXPECT_EQ(parse(npy("{\"shape\":(2,),'fortran_order':False,'descr':'<i2'}\n", 4)).shape,
            Shape{2});
}

TEST(Npy, RefusesMalformedHeaders) {
  const std::string rest = "'fortran_order': False, 'shape': (1,), }";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "{"},
      {"{'descr': '<f4', " + rest + " x", "end"},
      {"{'descr': '<f4', 'descr': '<f4', " + rest, "each once"},
      {"{'descr': '<f4', 'more': 1, " + rest, "each once"},
      {"{'descr': '<f4', 'shape': (1,), }", "descr, fortran_order and shape"},
      {"{'descr': '<f4' " + rest, "}"},
      {"{'descr': '<f4", "a short string"},
      {"{'descr': '" + std::string(100, 'x') + "', " + rest, "a short string"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "True or False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1), }", "(N,)"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "0 or more"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "0 or more"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1", ")"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': [1], }", "("},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': "
       "(1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,"
       "1,2,3,4,5,6), }",
       "32 axes"},
  };
  for (const auto& [dict, expected] : cases)
    expect_error([&, text = npy(dict, 4)] { parse(text); }, {"file.npy", "array w", expected});
}

TEST(Npy, RefusesOtherMagicAndVersions) {
  const std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  expect_error([] { parse(""); }, {"NUMPY"});
  expect_error([&] { parse("\x93NUMPX" + npy(dict, 4).substr(6)); }, {"NUMPY"});
  expect_error([&] { parse(npy(dict, 4, 4)); }, {"version", "4.0"});
  expect_error([&] { parse(npy(dict, 4, 0)); }, {"version", "0.0"});
}

TEST(Npy, SizeMustBeWhatTheShapeAsksFor) {
  const std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  for (const std::size_t bytes : {0U, 20U, 23U, 25U, 28U})
    expect_error([&, text = npy(dict, bytes)] { parse(text); },
                 {"[2, 3]", "24 bytes", "found " + std::to_string(bytes)});
  // four gigabytes, and more than memory has addresses for
  expect_error(
      [] { parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824,), }", 0)); },
      {"4294967296 bytes", "found 0"});
  expect_error(
      [] {
        parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                  0));
      },
      {"more than 2^63", "found 0"});
}

}  // namespace
}  // namespace moe::io
