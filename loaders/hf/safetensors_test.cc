#include "loaders/hf/safetensors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/hf/safetensors_test_builder.h"
#include "tests/support/memory_file.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

// A header with one tensor "t" of the given fields, and 64 bytes of data.
std::string OneTensor(const std::string& type, const std::string& shape,
                      const std::string& offsets) {
  return SafetensorsBytes(absl::StrCat(R"({"t":{"dtype":)", type, R"(,"shape":)", shape,
                                       R"(,"data_offsets":)", offsets, "}}"),
                          std::string(64, '\0'));
}

std::string Header(const std::string& header) {
  return SafetensorsBytes(header, std::string(64, '\0'));
}

std::string WithLength(uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + "{}";
}

struct Case {
  std::string name;
  std::string bytes;
  std::string message;
};

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class MustRefuseTest : public testing::TestWithParam<Case> {};
class MustLoadTest : public testing::TestWithParam<Case> {};

TEST_P(MustRefuseTest, WithAMessageThatSaysWhatIsWrong) {
  const MemoryFile file(GetParam().bytes);
  const auto result = ReadSafetensors(file.path());
  ASSERT_FALSE(result.ok());
  const std::string message(result.status().message());
  EXPECT_THAT(message, HasSubstr(file.path()));
  EXPECT_THAT(message, HasSubstr("expected"));
  EXPECT_THAT(message, HasSubstr("found"));
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_LT(message.size(), 600u);
}

TEST_P(MustLoadTest, WithoutComplaint) {
  const MemoryFile file(GetParam().bytes);
  const auto result = ReadSafetensors(file.path());
  EXPECT_TRUE(result.ok()) << result.status();
}

const char kGood[] = R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})";

INSTANTIATE_TEST_SUITE_P(
    Safetensors, MustRefuseTest,
    testing::Values(
        Case{"Empty", "", "the header's length"},
        Case{"SevenBytes", "1234567", "the header's length"},
        Case{"LengthMinusOne", WithLength(UINT64_MAX), "a header of at most 2 bytes"},
        Case{"LengthTooLongByOne", WithLength(3), "a header of at most 2 bytes, found 3"},
        Case{"LengthZero", WithLength(0), "JSON"}, Case{"NoJson", Header("nonsense"), "JSON"},
        Case{"NoObject", Header("[]"), "a JSON object, found array"},
        Case{"InvalidUtf8", Header("{\"\xff\":1}"), "JSON"},
        Case{"TenThousandLevels", Header(std::string(10000, '[') + std::string(10000, ']')),
             "64 levels"},
        Case{"TenThousandObjects", Header([] {
               std::string text;
               for (int i = 0; i < 10000; i++) text += "{\"a\":";
               return text;
             }()),
             "64 levels"},
        Case{"DuplicateTensor", Header(absl::StrCat("{\"t\":", kGood, ",\"t\":", kGood, "}")),
             "\"t\" again"},
        Case{"DuplicateField",
             Header(R"({"t":{"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,16]}})"),
             "\"dtype\" again"},
        Case{"EntryIsNoObject", Header(R"({"t":3})"), "tensor \"t\": expected an object"},
        Case{"NoType", Header(R"({"t":{"shape":[4],"data_offsets":[0,16]}})"), "a type of F32"},
        Case{"UnknownType", OneTensor("\"F8_E4M3\"", "[4]", "[0,4]"), "found \"F8_E4M3\""},
        Case{"TypeIsNoString", OneTensor("4", "[4]", "[0,4]"), "a string"},
        Case{"NoShape", Header(R"({"t":{"dtype":"F32","data_offsets":[0,16]}})"), "\"shape\""},
        Case{"NoOffsets", Header(R"({"t":{"dtype":"F32","shape":[4]}})"), "\"data_offsets\""},
        Case{"NegativeExtent", OneTensor("\"F32\"", "[-4]", "[0,16]"), "positive dimensions"},
        Case{"ZeroExtent", OneTensor("\"F32\"", "[0]", "[0,0]"), "positive dimensions"},
        Case{"FractionalExtent", OneTensor("\"F32\"", "[4.5]", "[0,16]"), "integers"},
        Case{"ElementsWrap", OneTensor("\"F32\"", "[9223372036854775807,2]", "[0,16]"),
             "below 2^63"},
        Case{"BytesWrap", OneTensor("\"F32\"", "[4611686018427387904]", "[0,0]"),
             "elements of f32, found 0 bytes"},
        Case{"ExtentAbove2To63", OneTensor("\"F32\"", "[18446744073709551615]", "[0,16]"),
             "integers"},
        Case{"SevenDimensions", OneTensor("\"F32\"", "[1,1,1,1,1,1,4]", "[0,16]"),
             "at most 6 dimensions"},
        Case{"OneOffset", OneTensor("\"F32\"", "[4]", "[16]"), "found 1 of them"},
        Case{"EndBeforeBegin", OneTensor("\"F32\"", "[4]", "[16,0]"), "found 16 and 0"},
        Case{"NegativeBegin", OneTensor("\"F32\"", "[4]", "[-16,0]"), "found -16 and 0"},
        Case{"PastTheEnd", OneTensor("\"F32\"", "[4]", "[52,68]"), "within the file's 64 bytes"},
        Case{"FarPastTheEnd",
             OneTensor("\"F32\"", "[4]", "[9223372036854775791,9223372036854775807]"), "within"},
        Case{"TooFewBytes", OneTensor("\"F32\"", "[4]", "[0,12]"),
             "4 elements of f32, found 12 bytes"},
        Case{"TooManyBytes", OneTensor("\"F16\"", "[4]", "[0,16]"),
             "4 elements of f16, found 16 bytes"},
        Case{"Overlap",
             Header(absl::StrCat("{\"t\":", kGood,
                                 R"(,"u":{"dtype":"F32","shape":[4],"data_offsets":[12,28]}})")),
             "bytes that belong to \"t\" too"},
        Case{"SameData", Header(absl::StrCat("{\"t\":", kGood, ",\"u\":", kGood, "}")),
             "data of its own"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Safetensors, MustLoadTest,
    testing::Values(
        Case{"NoTensors", Header("{}"), ""}, Case{"PaddedWithSpaces", Header("{}      "), ""},
        Case{"WithMetadata",
             Header(absl::StrCat(R"({"__metadata__":{"format":"pt"},"t":)", kGood, "}")), ""},
        Case{"Gap", OneTensor("\"F32\"", "[4]", "[48,64]"), ""},
        Case{"Unaligned", OneTensor("\"F32\"", "[4]", "[3,19]"), ""},
        Case{"Scalar", OneTensor("\"F32\"", "[]", "[0,4]"), ""},
        Case{"Bf16", OneTensor("\"BF16\"", "[2,4]", "[0,16]"), ""},
        Case{"Bool", OneTensor("\"BOOL\"", "[4]", "[0,4]"), ""},
        Case{"SixtyFourLevels",
             Header("{\"__metadata__\":" + std::string(63, '[') + std::string(63, ']') + "}"), ""},
        Case{"BracketsInStrings",
             Header("{\"__metadata__\":{\"x\":\"" + std::string(1000, '[') + "\"}}"), ""}),
    NameOf);

TEST(SafetensorsTest, TensorsComeInTheOrderOfTheirDataAndStayMapped) {
  const MemoryFile file(SafetensorsBuilder().Tensor("b", {2, 3}).Tensor("a", {5}).Bytes());
  const auto result = ReadSafetensors(file.path());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->tensors.size(), 2u);
  const SourceTensor& first = result->tensors[0];
  EXPECT_EQ(first.name, "b");
  EXPECT_EQ(first.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(first.bytes, 24u);
  EXPECT_EQ(first.data, result->file->data() + first.file_offset);
  EXPECT_EQ(result->tensors[1].file_offset, first.file_offset + 24);
}

TEST(SafetensorsTest, FileCutAnywhereIsRefused) {
  const std::string whole = SafetensorsBuilder().Tensor("b", {2, 3}).Tensor("a", {5}).Bytes();
  for (size_t size = 0; size < whole.size(); size++) {
    const MemoryFile file(whole.substr(0, size));
    ASSERT_FALSE(ReadSafetensors(file.path()).ok()) << size;
  }
}

// Some changes load (a letter of a name); none may crash.
TEST(SafetensorsTest, NoChangedByteCrashesTheReader) {
  const std::string whole = SafetensorsBuilder().Tensor("b", {2, 3}).Tensor("a", {5}).Bytes();
  int refused = 0;
  for (size_t at = 0; at < whole.size() - 44; at++) {
    for (int value : {0x00, 0x22, 0x2d, 0x39, 0x5b, 0x7b, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const MemoryFile file(changed);
      refused += ReadSafetensors(file.path()).ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace kinglet
