#include "tools/common/gguf_writer.h"

#include <cstring>

#include "core/capi/kinglet.h"
#include "gtest/gtest.h"
#include "tools/common/engine.h"

namespace kinglet::tools {
namespace {

// Reads the file back through the library's own loader.
class GgufWriterTest : public testing::Test {
 protected:
  void Write() {
    writer_.Add("general.architecture", "llama");
    writer_.Add("llama.block_count", uint32_t{3});
    writer_.Add("llama.norm", 0.5f);
    writer_.Add("llama.flag", true);
    writer_.Add("llama.offset", int32_t{-4});
    writer_.Add("llama.numbers", std::vector<int32_t>{1, -2});
    writer_.Add("llama.words", std::vector<std::string>{"a", "bc"});
    const size_t norm = writer_.AddTensor("norm.weight", KL_TYPE_F32, {3});
    const size_t matrix = writer_.AddTensor("matrix.weight", KL_TYPE_Q4_0, {2, 64});
    ASSERT_EQ(writer_.TensorBytes(matrix), 72u);
    ASSERT_TRUE(writer_.Begin(path_).ok());
    const std::string blocks(72, '\x11');
    ASSERT_TRUE(writer_.Write(matrix, 36, blocks.data() + 36, 36).ok());  // any order
    ASSERT_TRUE(writer_.Write(matrix, 0, blocks.data(), 36).ok());
    const float values[] = {1, 2, 3};
    ASSERT_TRUE(writer_.Write(norm, 0, values, sizeof values).ok());
  }

  const std::string path_ = testing::TempDir() + "gguf_writer_test.gguf";
  GgufWriter writer_;
};

TEST_F(GgufWriterTest, TheLoaderReadsWhatWasWritten) {
  Write();
  ASSERT_TRUE(writer_.Finish().ok());
  kl_error error = NoError();
  kl_file* opened = nullptr;
  ASSERT_EQ(kl_file_open(path_.c_str(), &opened, &error), KL_OK) << error.message;
  const FileHandle file(opened);
  EXPECT_EQ(kl_file_bytes(opened), writer_.FileBytes());
  std::string found;
  for (uint32_t i = 0; i < kl_file_metadata_count(opened); ++i) {
    kl_metadata_entry entry = {};
    entry.struct_size = sizeof entry;
    ASSERT_EQ(kl_file_metadata(opened, i, &entry), KL_OK);
    found += std::string(entry.key) + "=" + entry.value + ";";
  }
  for (const char* wanted :
       {"llama.block_count=3;", "llama.offset=-4;", "llama.numbers=[2] 1, -2;"}) {
    EXPECT_NE(found.find(wanted), std::string::npos) << found;
  }
  ASSERT_EQ(kl_file_tensor_count(opened), 2u);
  kl_tensor_facts facts = {};
  facts.struct_size = sizeof facts;
  ASSERT_EQ(kl_file_tensor(opened, 1, &facts), KL_OK);
  EXPECT_STREQ(facts.name, "matrix.weight");
  EXPECT_STREQ(facts.type, "q4_0");
  EXPECT_EQ(facts.shape[0], 2);
  EXPECT_EQ(facts.shape[1], 64);
  std::string content;
  ASSERT_TRUE(ReadWholeFile(path_, &content).ok());
  EXPECT_EQ(content.substr(facts.file_offset, facts.bytes), std::string(72, '\x11'));
}

TEST_F(GgufWriterTest, NothingAppearsBeforeTheEnd) {
  remove(path_.c_str());
  Write();
  EXPECT_FALSE(FileExists(path_));
  ASSERT_TRUE(writer_.Finish().ok());
  EXPECT_TRUE(FileExists(path_));
}

TEST(GgufWriterFailureTest, AnUnwritableFolderIsAnIoError) {
  GgufWriter writer;
  EXPECT_EQ(writer.Begin("/nonexistent/x.gguf").exit_status, kExitIo);
}

}  // namespace
}  // namespace kinglet::tools
