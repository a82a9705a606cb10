// Array values: exact or refused.
#include <cmath>
#include <limits>

#include "reference/io/array_values.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::error_of;
using testing::expect_error;

template <typename Code>
Array coded(DType dtype, const std::vector<Code>& codes) {
  return make_array("w", dtype, {static_cast<Index>(codes.size())},
                    std::as_bytes(std::span(codes)));
}

TEST(ByteCount, RefusesWhatDoesNotFit) {
  EXPECT_EQ(byte_count(DType::f32, {}), 4U);
  EXPECT_EQ(byte_count(DType::f64, {2, 3}), 48U);
  EXPECT_EQ(byte_count(DType::bf16, {5, 0, 7}), 0U);
  EXPECT_EQ(byte_count(DType::f32, {-1}), std::nullopt);
  EXPECT_EQ(byte_count(DType::f32, {0, -1}), std::nullopt);
  constexpr Index big = Index{1} << 31;
  EXPECT_EQ(byte_count(DType::u8, {big, big}), std::size_t{1} << 62);
  EXPECT_EQ(byte_count(DType::u8, {big, big, 2}), std::nullopt);
  EXPECT_EQ(byte_count(DType::f32, {big, big}), std::nullopt);
  EXPECT_EQ(byte_count(DType::f32, {big, big, big, big}), std::nullopt);
}

TEST(MakeArray, RefusesBytesThatDoNotFillTheShape) {
  const std::vector<float> five(5);
  expect_error([&] { make_array("w", {2, 3}, five); }, {"w", "20", "[2, 3]"});
}

TEST(Values, NarrowFloatsWidenExactly) {
  // 1, the smallest subnormal, the largest finite, -2
  EXPECT_EQ(to_f32(coded<std::uint16_t>(DType::f16, {0x3c00, 0x0001, 0x7bff, 0xc000})),
            (std::vector<float>{1, 0x1p-24F, 65504, -2}));
  EXPECT_EQ(to_f32(coded<std::uint16_t>(DType::bf16, {0x3f80, 0x0001, 0x7f7f, 0xc000})),
            (std::vector<float>{1, 0x1p-133F, 0x1.fep127F, -2}));
  EXPECT_EQ(to_f32(coded<std::uint8_t>(DType::f8_e4m3, {0x38, 0x01, 0x7e})),
            (std::vector<float>{1, 0x1p-9F, 448}));
  EXPECT_EQ(to_f32(coded<std::uint8_t>(DType::f8_e5m2, {0x3c, 0x01, 0x7b})),
            (std::vector<float>{1, 0x1p-16F, 57344}));
  EXPECT_EQ(to_f64(coded<std::uint16_t>(DType::f16, {0x0001})), (std::vector<double>{0x1p-24}));
}

TEST(Values, ADoubleIsNotRoundedSilently) {
  const Array array = coded<double>(DType::f64, {0.1});
  expect_error([&] { to_f32(array); }, {"memory", "array w", "F32", "F64"});
  EXPECT_EQ(to_f64(array), (std::vector<double>{0.1}));
}

TEST(Values, IntegersThatDoNotFitAreNamed) {
  EXPECT_EQ(to_i32(coded<std::int64_t>(DType::i64, {-5, 7})), (std::vector<std::int32_t>{-5, 7}));
  EXPECT_EQ(to_i64(coded<std::int8_t>(DType::i8, {-128})), (std::vector<std::int64_t>{-128}));
  EXPECT_EQ(to_i64(coded<std::uint16_t>(DType::u16, {65535})), (std::vector<std::int64_t>{65535}));
  EXPECT_EQ(to_i64(coded<std::uint8_t>(DType::boolean, {1, 0})), (std::vector<std::int64_t>{1, 0}));
  expect_error(
      [] {
        to_i32(coded<std::int64_t>(DType::i64, {1, std::int64_t{1} << 31}));
      },
      {"element 1", "2147483648", "32 bits"});
  expect_error([] { to_i64(coded<std::uint64_t>(DType::u64, {std::uint64_t{1} << 63})); },
               {"element 0", "9223372036854775808"});
  expect_error([] { to_i64(coded<float>(DType::f32, {1})); }, {"integer", "F32"});
}

TEST(Weights, ShapeTypeAndFinitenessAreChecked) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Array good = make_array("w", {2, 2}, std::vector<float>{1, 2, 3, 4});
  const Array bad = make_array("w", {2, 2}, std::vector<float>{1, 2, nan, 4});
  EXPECT_EQ(to_weights(good, {2, 2}, NonFinite::refuse), (std::vector<float>{1, 2, 3, 4}));
  expect_error([&] { to_weights(good, {4}, NonFinite::refuse); }, {"array w", "[4]", "[2, 2]"});
  expect_error(
      [&] {
        to_weights(bad, {2, 2}, NonFinite::refuse);
      },
      {"array w", "finite", "nan", "element 2"});
  EXPECT_TRUE(std::isnan(to_weights(bad, {2, 2}, NonFinite::allow)[2]));
  expect_error(
      [] { to_weights(coded<std::uint8_t>(DType::f8_e4m3, {0x38}), {1}, NonFinite::refuse); },
      {"F32, F16 or BF16", "F8_E4M3"});
}

TEST(Values, BytesNeedNotBeAligned) {
  std::vector<std::byte> bytes(9);
  const float value = 1.5F;
  std::memcpy(bytes.data() + 1, &value, 4);
  const Array array{"f", "w", DType::f32, {1}, Bytes(bytes).subspan(1, 4), nullptr};
  EXPECT_EQ(to_f32(array), (std::vector<float>{1.5F}));
}

}  // namespace
}  // namespace moe::io
