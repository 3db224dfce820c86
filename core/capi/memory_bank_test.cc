// Memory bank files through the C API: written, described, routed, denied.
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/kinglet_test.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr char kModel[] = "tests/golden/sigmoid_rope.gguf";

// k = 2, one level, one layer of width 32 in f32, one row a block.
class MemoryBankFileTest : public testing::Test {
 protected:
  void SetUp() override {
    shape_.struct_size = sizeof shape_;
    shape_.branching = 2;
    shape_.depth = 1;
    shape_.layer_count = 1;
    shape_.dim = 32;
    shape_.type = KL_TYPE_F32;
    shape_.activation = KL_MEMORY_RELU;
    shape_.rows[0] = 1;
    shape_.encoder_width = 2;
    shape_.name = "two facts";
    path_ = folder_.path() + "/two.klbank";
    kl_memory_bank_writer* writer = nullptr;
    ASSERT_EQ(kl_memory_bank_writer_create(path_.c_str(), &shape_, centroids_, 2, &writer, &error_), KL_OK) << error_.message;
    const std::vector<float> block(96, 1.5f);
    ASSERT_EQ(kl_memory_bank_writer_add(writer, 1, 1, false, block.data(), 384, &error_), KL_OK) << error_.message;
    EXPECT_EQ(kl_memory_bank_writer_add(writer, 1, 0, false, block.data(), 383, &error_), KL_INVALID_ARGUMENT);
    ASSERT_EQ(kl_memory_bank_writer_commit(writer, &error_), KL_OK) << error_.message;
    kl_memory_bank_writer_free(writer);
  }

  kl_memory_bank* Open() {
    kl_memory_bank* bank = nullptr;
    EXPECT_EQ(kl_memory_bank_open(path_.c_str(), &bank, &error_), KL_OK) << error_.message;
    return bank;
  }

  TempFolder folder_;
  std::string path_;
  Error error_;
  kl_memory_bank_shape shape_ = {};
  const float centroids_[4] = {1, 0, 0, 1};
};

TEST_F(MemoryBankFileTest, SaysWhatWasWritten) {
  kl_memory_bank* bank = Open();
  kl_memory_bank_shape shape = {};
  shape.struct_size = sizeof shape;
  ASSERT_EQ(kl_memory_bank_get_shape(bank, &shape), KL_OK);
  EXPECT_STREQ(shape.name, "two facts");
  EXPECT_STREQ(shape.encoder_file, "");
  EXPECT_EQ(shape.rows[0], 1u);
  kl_memory_bank_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(kl_memory_bank_describe(bank, &info), KL_OK);
  EXPECT_EQ(info.block_count[0], 2u);
  EXPECT_EQ(info.present_count[0], 1u);
  EXPECT_EQ(info.fetch_bytes, 384u);
  EXPECT_EQ(kl_memory_bank_state(bank, 1, 0, nullptr), KL_MEMORY_ABSENT);
  EXPECT_EQ(kl_memory_bank_state(bank, 1, 1, nullptr), KL_MEMORY_READABLE);
  EXPECT_EQ(kl_memory_bank_state(bank, 1, 2, nullptr), -1);
  EXPECT_EQ(kl_memory_bank_state(bank, 0, 0, nullptr), -1);
  // A caller that knows less of a struct gets less.
  kl_memory_bank_info old = {};
  old.struct_size = offsetof(kl_memory_bank_info, block_count);
  ASSERT_EQ(kl_memory_bank_describe(bank, &old), KL_OK);
  EXPECT_EQ(old.file_bytes, info.file_bytes);
  EXPECT_EQ(old.block_count[0], 0u);
  kl_memory_bank_free(bank);
}

TEST_F(MemoryBankFileTest, RoutesAVector) {
  kl_memory_bank* bank = Open();
  kl_memory_path path = {};
  path.struct_size = sizeof path;
  const float vector[2] = {0, 1};
  ASSERT_EQ(kl_memory_bank_route(bank, vector, 2, &path, &error_), KL_OK) << error_.message;
  EXPECT_EQ(path.depth, 1u);
  EXPECT_EQ(path.ids[0], 1u);
  EXPECT_FLOAT_EQ(path.distances[0], 0);
  EXPECT_FLOAT_EQ(path.runner_up_distances[0], 1.41421356f);
  EXPECT_EQ(kl_memory_bank_route(bank, vector, 1, &path, &error_), KL_INVALID_ARGUMENT);
  kl_memory_bank_free(bank);
}

TEST_F(MemoryBankFileTest, DeniesAndVerifies) {
  kl_memory_bank* bank = Open();
  uint64_t bad_count = 7;
  EXPECT_EQ(kl_memory_bank_verify(bank, nullptr, nullptr, &bad_count, &error_), KL_OK) << error_.message;
  EXPECT_EQ(bad_count, 0u);
  kl_memory_bank_free(bank);
  const kl_memory_node node = {1, 0, 1};
  ASSERT_EQ(kl_memory_bank_set_denied(path_.c_str(), &node, 1, true, &error_), KL_OK) << error_.message;
  bank = Open();
  bool own = false;
  EXPECT_EQ(kl_memory_bank_state(bank, 1, 1, &own), KL_MEMORY_DENIED);
  EXPECT_TRUE(own);
  kl_memory_bank_free(bank);
}

TEST_F(MemoryBankFileTest, AFilesFingerprintIsTheModels) {
  kl_file* opened = nullptr;
  ASSERT_EQ(kl_file_open(kModel, &opened, &error_), KL_OK) << error_.message;
  const Handle<kl_file> file(opened);
  uint64_t fingerprint = 0;
  ASSERT_EQ(kl_file_fingerprint(opened, &fingerprint, &error_), KL_OK) << error_.message;
  const Handle<kl_runtime> runtime = MakeRuntime();
  const Handle<kl_model> model = LoadModel(runtime.get(), kModel);
  EXPECT_EQ(fingerprint, kl_model_fingerprint(model.get()));
}

}  // namespace
}  // namespace kinglet
