#include "tools/common/npy.h"

#include <cstring>

#include "gtest/gtest.h"
#include "tools/common/files.h"

namespace kinglet::tools {
namespace {

// numpy.save of numpy.array([[1, 2, 3]], dtype='<i4'), byte by byte.
std::string Written() {
  std::string text("\x93NUMPY\x01\x00v\x00", 10);
  text += "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3), }";
  text.append(127 - text.size(), ' ');
  text += '\n';
  const int32_t values[] = {1, 2, 3};
  return text + std::string(reinterpret_cast<const char*>(values), sizeof values);
}

TEST(NpyTest, ReadsWhatNumpyWrites) {
  NpyArray array;
  const Failure failure = ParseNpy(Written(), &array);
  ASSERT_TRUE(failure.ok()) << failure.message;
  EXPECT_EQ(array.type, KL_TYPE_I32);
  EXPECT_EQ(array.shape, std::vector<int64_t>({1, 3}));
  int32_t last = 0;
  std::memcpy(&last, array.data.data() + 8, sizeof last);
  EXPECT_EQ(last, 3);
}

TEST(NpyTest, HeaderIsTheOneNumpyWrites) {
  EXPECT_EQ(NpyHeader(KL_TYPE_I32, {1, 3}), Written().substr(0, 128));
  EXPECT_NE(NpyHeader(KL_TYPE_F32, {5}).find("'shape': (5,)"), std::string::npos);
  EXPECT_NE(NpyHeader(KL_TYPE_F32, {}).find("'shape': ()"), std::string::npos);
}

TEST(NpyTest, WrittenFilesReadBack) {
  const std::string path = testing::TempDir() + "npy_test.npy";
  const float values[] = {1.5f, -2.0f, 3.25f, 0.0f, 8.0f, 9.0f};
  ASSERT_TRUE(WriteNpy(path, KL_TYPE_F32, {2, 1, 3}, values, sizeof values).ok());
  NpyArray array;
  ASSERT_TRUE(ReadNpy(path, &array).ok());
  EXPECT_EQ(array.type, KL_TYPE_F32);
  EXPECT_EQ(array.shape, std::vector<int64_t>({2, 1, 3}));
  EXPECT_EQ(std::memcmp(array.data.data(), values, sizeof values), 0);
}

TEST(NpyTest, EveryTruncationIsRefused) {
  const std::string whole = Written();
  for (size_t length = 0; length < whole.size(); ++length) {
    NpyArray array;
    EXPECT_EQ(ParseNpy(whole.substr(0, length), &array).exit_status, kExitBadData) << length;
  }
}

TEST(NpyTest, ForeignTypesOrdersAndShapesAreRefused) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = Written();
    text.replace(text.find(from), from.size(), to);
    NpyArray array;
    return ParseNpy(text, &array).message;
  };
  EXPECT_NE(with("<i4", ">i4").find("element type"), std::string::npos);
  EXPECT_NE(with("<i4", "<c8").find("element type"), std::string::npos);
  EXPECT_NE(with("False", "True ").find("Fortran"), std::string::npos);
  EXPECT_NE(with("(1, 3)", "(2, 3)").find("needs 24 bytes"), std::string::npos);
  EXPECT_NE(with("(1, 3)", "(-1,3)").find("shape"), std::string::npos);
  EXPECT_NE(
      with("(1, 3), }                    ", "(999999999999, 999999999999),}").find("too large"),
      std::string::npos);
}

TEST(NpyTest, AMissingFileIsNoInput) {
  NpyArray array;
  EXPECT_EQ(ReadNpy("/nonexistent/x.npy", &array).exit_status, kExitNoInput);
}

}  // namespace
}  // namespace kinglet::tools
