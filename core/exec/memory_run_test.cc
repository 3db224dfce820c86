// Blocks of a bank that answers as the test asks, and what the nodes get of them.
#include "core/exec/memory_run.h"

#include <cstring>

#include "core/abi/checksum.h"
#include "core/base/status.h"
#include "core/exec/fake_experts.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr uint32_t kLayers = 2;

// k = 2, p = 3; level 2 has no blocks. Records: 0, 1: level 1; 2 .. 9: level 3; 10, 11, 12: generic
// blocks, 11 of no level.
class MemoryRunTest : public testing::Test {
 protected:
  MemoryRunTest() {
    MemoryShape shape;
    shape.branching = 2;
    shape.depth = 3;
    shape.layer_count = kLayers;
    shape.dim = 4;
    shape.type = KL_TYPE_F32;
    shape.activation = MemoryActivation::kRelu;
    shape.rows = {2, 0, 1, 0};
    shape.encoder_width = 1;
    auto source = std::make_unique<MemorySource>();
    source->layout = std::move(MemoryLayout::Create(shape)).value();
    const MemoryLayout& layout = source->layout;
    table_.resize(layout.RecordCount());
    for (MemoryRecord& record : table_) record = {0, kMemoryPresent, 0};
    table_[3].flags = 0;  // absent
    source->table = table_.data();
    source->has_generic = true;
    source->level_offsets = {0, 0, 2 * 4096, 0};
    source->generic_offset = 10 * 4096;
    // Every float of a record is the record's number, but the first of each layer, which is the
    // layer's.
    std::string contents(12 * 4096, '\0');
    for (uint64_t record : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12}) {
      const uint64_t place = record == 12 ? 11 : record;
      float* at = reinterpret_cast<float*>(contents.data() + place * 4096);
      for (int i = 0; i < 512; ++i) at[i] = static_cast<float>(record);
    }
    path_ = folder_.Write("bank", contents);
    source->path = path_;
    source->file = std::move(MappedFile::Open(path_)).value();
    MemoryOptions options;
    options.budget_bytes = 1000;
    options.denied = denied_;
    auto created = MemoryBank::Create(std::move(source), options);
    EXPECT_TRUE(created.ok()) << created.status();
    bank_ = *std::move(created);
    EXPECT_TRUE(bank_->Open(FakeBank::Table(), nullptr, 1000, &budget_).ok());
    for (uint32_t layer = 0; layer < kLayers; ++layer) {
      PlanValue blocks;
      blocks.kind = ValueKind::kMemory;
      blocks.shape = {2, 6, 4};
      blocks.layer = layer;
      plan_.values.push_back(blocks);
      PlanNode node;
      node.op = "ffn_segments";
      node.operands = {KL_NO_VALUE, KL_NO_VALUE, static_cast<kl_value>(layer), KL_NO_VALUE};
      plan_.nodes.push_back(std::move(node));
    }
    runs_.resize(kLayers);
    tensors_.resize(kLayers);
    run_ = std::make_unique<MemoryRun>(bank_.get(), plan_);
    run_->Attach(plan_, &runs_, &tensors_);
  }

  absl::Status Set(std::vector<uint64_t> ids) {
    MemoryPath path;
    path.depth = 3;
    for (size_t i = 0; i < 3; ++i) path.ids[i] = ids[i];
    auto fetch = bank_->Resolve(path);
    if (!fetch.ok()) return fetch.status();
    return run_->Set(*fetch);
  }
  // What the nodes would read: the first number of each segment of each layer; -1 without one.
  absl::StatusOr<std::vector<float>> Run(const std::atomic<bool>* cancel = nullptr) {
    absl::Status status = run_->Begin(cancel);
    std::vector<float> seen;
    if (status.ok()) {
      const auto first = runs_[0].hook->Next();
      status = first.status();
      if (first.ok()) {
        EXPECT_TRUE(*first);
        for (const kl_tensor& tensor : tensors_) {
          for (int s = 0; s < 2; ++s) {
            const float* rows = static_cast<const float*>(tensor.parts[s]);
            seen.push_back(rows == nullptr ? -1 : rows[0]);
          }
        }
        const auto second = runs_[0].hook->Next();
        EXPECT_TRUE(second.ok() && !*second);
      }
    }
    run_->End();
    if (!status.ok()) return status;
    return seen;
  }

  const TempFolder folder_;
  std::string path_;
  std::vector<MemoryRecord> table_;
  std::vector<MemoryDeny> denied_ = {{3, 5}};
  Budget budget_{0};
  std::unique_ptr<MemoryBank> bank_;
  Plan plan_;
  std::vector<NodeRun> runs_;
  std::vector<kl_tensor> tensors_;
  std::unique_ptr<MemoryRun> run_;
};

TEST_F(MemoryRunTest, NodesGetTheBlocksOfThePath) {
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  EXPECT_THAT(FakeBank::state().demanded, ElementsAre(ElementsAre(1, 6)));
  const auto seen = Run();
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_THAT(*seen, ElementsAre(1, 6, 1, 6));
  // Each layer's rows: 3 matrices of 2 and 1 rows of 4 floats.
  EXPECT_EQ(static_cast<const uint8_t*>(tensors_[1].parts[0]) -
                static_cast<const uint8_t*>(tensors_[0].parts[0]),
            3 * 2 * 4 * 4);
  EXPECT_EQ(static_cast<const uint8_t*>(tensors_[1].parts[1]) -
                static_cast<const uint8_t*>(tensors_[0].parts[1]),
            3 * 1 * 4 * 4);
  EXPECT_EQ(runs_[1].hook, nullptr);
  EXPECT_GT(run_->stats().ns, 0);
}

TEST_F(MemoryRunTest, OnlyWhatChangesIsAskedFor) {
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  ASSERT_TRUE(Set({1, 3, 7}).ok());
  EXPECT_THAT(FakeBank::state().demanded, ElementsAre(ElementsAre(1, 6), ElementsAre(9)));
  EXPECT_TRUE(run_->stats().levels[0].kept);
  EXPECT_EQ(FakeBank::state().leases.size(), 2u);
  ASSERT_TRUE(Set({1, 3, 7}).ok());
  EXPECT_EQ(FakeBank::state().demanded.size(), 2u);
  EXPECT_THAT(*Run(), ElementsAre(1, 9, 1, 9));
  // What is given back is so before anything is asked for: two leases at a time are enough.
  ASSERT_TRUE(Set({0, 0, 0}).ok());
  EXPECT_EQ(FakeBank::state().most_leases, 2u);
  run_.reset();
  EXPECT_THAT(FakeBank::state().leases, IsEmpty());
}

TEST_F(MemoryRunTest, GenericBlocksStandInForAbsentOnesAndNothingForDeniedOnes) {
  EXPECT_THAT(*Run(), ElementsAre(10, 12, 10, 12));  // never set
  ASSERT_TRUE(Set({0, 0, 1}).ok());                  // absent
  EXPECT_THAT(*Run(), ElementsAre(0, 12, 0, 12));
  ASSERT_TRUE(Set({1, 2, 5}).ok());  // denied when the bank was made
  EXPECT_THAT(*Run(), ElementsAre(1, -1, 1, -1));
  EXPECT_EQ(run_->stats().fetch.levels[2].state, MemoryBlockState::kDenied);
  // Neither has a place that the bank could read.
  const kl_bank_source& source = *FakeBank::state().source;
  for (uint64_t record = 0; record < source.record_count; ++record) {
    EXPECT_EQ(source.records[record].piece_count,
              record == 3 || record == 7 || record == 11 ? 0u : 1u)
        << record;
  }
  EXPECT_EQ(source.group_count, 3u);
  EXPECT_EQ(source.group_of_record[12], 2);
  EXPECT_EQ(source.group_slot_bytes[0], kLayers * 3u * 2 * 4 * sizeof(float));
}

TEST_F(MemoryRunTest, ComputingWaitsForWhatIsMissing) {
  FakeBank::state().answers = {KL_BANK_PENDING, KL_BANK_PENDING, KL_BANK_READY, KL_BANK_EXHAUSTED,
                               KL_BANK_PENDING};
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  EXPECT_FALSE(run_->stats().levels[0].ready);
  EXPECT_EQ(run_->stats().ns, 0);
  EXPECT_THAT(*Run(), ElementsAre(1, 6, 1, 6));
  EXPECT_THAT(FakeBank::state().answers, IsEmpty());
}

TEST_F(MemoryRunTest, ACancelledRunGoesOnWithTheNext) {
  std::atomic<bool> cancel{false};
  FakeBank::state().answers = {KL_BANK_PENDING, KL_BANK_PENDING, KL_BANK_PENDING};
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  FakeBank::state().cancelled_by_pending = &cancel;
  EXPECT_EQ(Run(&cancel).status().code(), absl::StatusCode::kCancelled);
  cancel = false;
  FakeBank::state().cancelled_by_pending = nullptr;
  EXPECT_THAT(*Run(&cancel), ElementsAre(1, 6, 1, 6));
  EXPECT_EQ(FakeBank::state().demanded.size(), 1u);
}

TEST_F(MemoryRunTest, ABlockThatCannotBeReadFailsRunsUntilThePathIsSetAnew) {
  FakeBank::state().answers = {KL_BANK_PENDING, KL_BANK_FAILED};
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(Run().status().message(), AllOf(HasSubstr(path_), HasSubstr("the disk is gone")));
  }
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  EXPECT_THAT(*Run(), ElementsAre(1, 6, 1, 6));
}

TEST_F(MemoryRunTest, ABankWithoutRoomIsSaid) {
  FakeBank::state().answers.assign(600, KL_BANK_EXHAUSTED);
  ASSERT_TRUE(Set({1, 2, 4}).ok());
  EXPECT_THAT(Run().status().message(), HasSubstr("other sessions"));
}

TEST_F(MemoryRunTest, PathsAreChecked) {
  for (const std::vector<uint64_t>& ids : {std::vector<uint64_t>{2, 4, 8}, {0, 2, 4}, {0, 1, 4}}) {
    EXPECT_EQ(Set(ids).code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kinglet
