// .npz: numpy's files, our own, and files that lie.
#include "reference/io/npz.h"

#include <sys/stat.h>

#include "reference/io/array_values.h"
#include "reference/io/pending_file.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::bytes_of;
using testing::data_path;
using testing::expect_error;
using testing::Folder;
using testing::read_bytes;
using testing::write_bytes;

Array numbers(const std::string& name, std::vector<float> values) {
  return make_array(name, {static_cast<Index>(values.size())}, values);
}

// Replaces the 4 bytes of `value` wherever the file holds them.
std::string with_number(std::string file, std::uint32_t value, std::uint32_t replacement) {
  std::string from(4, '\0');
  std::string to(4, '\0');
  std::memcpy(from.data(), &value, 4);
  std::memcpy(to.data(), &replacement, 4);
  int found = 0;
  for (std::size_t at = file.find(from); at != std::string::npos;
       at = file.find(from, at + 4), ++found)
    file.replace(at, 4, to);
  EXPECT_GT(found, 0);
  return file;
}

class NumpyFile : public ::testing::TestWithParam<const char*> {};

TEST_P(NumpyFile, IsReadWhole) {
  const ArrayTable table = read_npz(data_path(GetParam()));
  EXPECT_EQ(table.arrays().size(), 16U);
  const std::vector<double> from_minus_one = {-1, 0, 1, 2, 3, 4};
  for (const char* name : {"a_f8", "a_f4", "a_f2"})
    EXPECT_EQ(to_f64(table.at(name)), from_minus_one) << name;
  for (const char* name : {"a_i8", "a_i4", "a_i2", "a_i1"})
    EXPECT_EQ(to_i64(table.at(name)), (std::vector<std::int64_t>{-1, 0, 1, 2, 3, 4})) << name;
  for (const char* name : {"a_u8", "a_u4", "a_u2", "a_u1"})
    EXPECT_EQ(to_i64(table.at(name)), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5})) << name;
  EXPECT_EQ(to_i64(table.at("a_bool")), (std::vector<std::int64_t>{0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(table.at("a_f4").shape, (Shape{2, 3}));
  EXPECT_EQ(table.at("scalar").shape, Shape{});
  EXPECT_EQ(to_f32(table.at("scalar")), std::vector<float>{2.5F});
  EXPECT_EQ(table.at("empty").shape, (Shape{0, 4}));
  EXPECT_EQ(to_f32(table.at("fortran_flat")), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  const auto transposed = to_i32(table.at("fortran"));  // [4,3,2], element [i,j,k] is 12k + 4j + i
  ASSERT_EQ(table.at("fortran").shape, (Shape{4, 3, 2}));
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 2; ++k)
        EXPECT_EQ(transposed[std::size_t(6 * i + 2 * j + k)], 12 * k + 4 * j + i);
}

INSTANTIATE_TEST_SUITE_P(All, NumpyFile, ::testing::Values("io/stored.npz", "io/deflated.npz"));

TEST(Npz, RoundTripsAndIsReproducible) {
  const Folder folder;
  const std::vector<std::int32_t> ints = {7, -8};
  const std::vector<Array> arrays = {numbers("b", {1, 2, 3}), make_array("a", {1, 2}, ints),
                                     numbers("none", {})};
  write_npz(folder.path("one.npz"), arrays);
  write_npz(folder.path("two.npz"), arrays);
  EXPECT_EQ(read_bytes(folder.path("one.npz")), read_bytes(folder.path("two.npz")));
  const ArrayTable back = read_npz(folder.path("one.npz"));
  ASSERT_EQ(back.arrays().size(), 3U);
  EXPECT_EQ(back.arrays()[0].name, "b");  // the order of writing
  EXPECT_EQ(to_f32(back.at("b")), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(to_i32(back.at("a")), ints);
  EXPECT_EQ(back.at("a").shape, (Shape{1, 2}));
  EXPECT_EQ(back.at("none").shape, Shape{0});
  expect_error([&] { back.at("c"); }, {"one.npz", "array c", "missing"});
}

TEST(Npz, NamesInAFileAreUnique) {
  expect_error([] { read_npz(data_path("io/twice.npz")); }, {"twice.npz", "array x", "twice"});
  const Folder folder;
  const std::vector<Array> arrays = {numbers("x", {1}), numbers("x", {2})};
  expect_error([&] { write_npz(folder.path("t.npz"), arrays); }, {"t.npz", "array x", "twice"});
  EXPECT_TRUE(folder.names().empty());
}

TEST(Npz, FailureLeavesNothingAndKeepsTheOldFile) {
  const Folder folder;
  const std::string path = folder.path("t.npz");
  write_npz(path, std::vector<Array>{numbers("x", {1})});
  const std::string before = read_bytes(path);
  const std::vector<std::byte> two(2);
  expect_error([&] { write_npz(path, std::vector<Array>{make_array("x", DType::bf16, {1}, two)}); },
               {"BF16"});
  expect_error([&] { write_npz(path, {}); }, {"t.npz", "no arrays"});
  EXPECT_EQ(read_bytes(path), before);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"t.npz"});
  write_npz(path, std::vector<Array>{numbers("x", {2})});
  EXPECT_EQ(to_f32(read_npz(path).at("x")), std::vector<float>{2});
  EXPECT_EQ(folder.names(), std::vector<std::string>{"t.npz"});
}

TEST(PendingFile, IsThereWholeOrNotAtAll) {
  const Folder folder;
  {
    const PendingFile pending(folder.path("x.txt"));
    write_bytes(pending.temporary(), "half");
    EXPECT_EQ(folder.names().size(), 1U);
  }
  EXPECT_TRUE(folder.names().empty());
  write_file(folder.path("x.txt"), "whole");
  EXPECT_EQ(read_bytes(folder.path("x.txt")), "whole");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x.txt"});
}

TEST(PendingFile, RefusesWhatIsNoFile) {
  const Folder folder;
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  expect_error([&] { write_file(folder.path(), ""); }, {"not a regular file"});
  expect_error([&] { write_file(folder.path("pipe"), ""); }, {"pipe", "not a regular file"});
  expect_error([&] { write_file(folder.path("no/x"), ""); }, {"no/x", "no folder"});
  expect_error([] { write_file("", ""); }, {"not a file name"});
  EXPECT_EQ(folder.names(), std::vector<std::string>{"pipe"});
}

TEST(PendingFile, FollowsALinkToItsFile) {
  const Folder folder;
  write_file(folder.path("real"), "old");
  std::filesystem::create_symlink("real", folder.path("link"));
  write_file(folder.path("link"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link")));
  EXPECT_EQ(read_bytes(folder.path("real")), "new");
}

TEST(Npz, RefusesWhatIsNoArchive) {
  const Folder folder;
  write_bytes(folder.path("text.npz"), "no zip at all");
  write_bytes(folder.path("empty.npz"), "");
  expect_error([&] { read_npz(folder.path("text.npz")); }, {"text.npz", "not a .npz"});
  expect_error([&] { read_npz(folder.path("empty.npz")); }, {"empty.npz", "not a .npz"});
  expect_error([&] { read_npz(folder.path("none.npz")); }, {"none.npz", "No such file"});
  expect_error([&] { read_npz(folder.path()); }, {"not a regular file"});
}

TEST(Npz, AnEntryThatAsksForFourGigabytesIsRefused) {
  const Folder folder;
  write_npz(folder.path("t.npz"), std::vector<Array>{numbers("x", {1, 2, 3})});
  const std::string file = read_bytes(folder.path("t.npz"));  // the entry has 128 + 12 bytes
  for (const std::uint32_t lie : {141U, 1U << 20, 0xfffffffeU})
    expect_error([&, bytes = with_number(file, 140, lie)] { parse_npz(bytes_of(bytes), "t.npz"); },
                 {"t.npz"});
}

TEST(Npz, ADeflatedSizeBeyondWhatDeflateCanDoIsRefused) {
  const std::string file = read_bytes(data_path("io/deflated.npz"));
  // version_1's array of 128 + 24 bytes, as a_f4 has
  expect_error(
      [bytes = with_number(file, 152, 0xfffffff0U)] { parse_npz(bytes_of(bytes), "d.npz"); },
      {"d.npz", "array", "cannot come from"});
}

TEST(Npz, ADeflatedSizeThatTheShapeContradictsIsRefused) {
  const std::string file = read_bytes(data_path("io/deflated.npz"));
  expect_error([bytes = with_number(file, 152, 156)] { parse_npz(bytes_of(bytes), "d.npz"); },
               {"d.npz", "array"});
}

TEST(Npz, AChecksumThatIsWrongIsRefused) {
  const Folder folder;
  write_npz(folder.path("t.npz"), std::vector<Array>{numbers("x", {1, 2, 3})});
  std::string file = read_bytes(folder.path("t.npz"));
  const std::string three("\x00\x00\x40\x40", 4);
  const std::size_t at = file.find(three);
  ASSERT_NE(at, std::string::npos);
  file[at] = '\x01';
  expect_error([&] { parse_npz(bytes_of(file), "t.npz"); }, {"t.npz", "array x", "damaged"});
}

}  // namespace
}  // namespace moe::io
