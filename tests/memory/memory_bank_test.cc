// The plugin memory_bank, found and opened as a host does: what it keeps resident is what its
// budget says.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/checksum.h"
#include "core/base/cpu_info.h"
#include "core/base/process_memory.h"
#include "core/memory/bank_client.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "tests/support/kinglet_test.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kLevels = 3;
constexpr uint64_t kCounts[kLevels] = {4, 16, 64};
constexpr uint64_t kBytes[kLevels] = {8 * kMiB, 2 * kMiB, kMiB / 2};
constexpr uint64_t kBudgetBytes = 24 * kMiB;
// What the process allocates besides, and huge pages that the kernel has not split yet.
constexpr uint64_t kSlackBytes = 2 * kMiB;

uint64_t ResidentBytes() {
  const auto memory = ReadProcessMemory();
  EXPECT_TRUE(memory.ok()) << memory.status();
  return memory.ok() ? memory->resident_bytes : 0;
}

class MemoryBankPluginTest : public testing::Test {
 protected:
  void SetUp() override {
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.plugin_folder = TestPluginFolder();
    auto registry = Registry::Create(options);
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = *std::move(registry);
    table_ = registry_->FindBank("memory_bank");
    ASSERT_NE(table_, nullptr);

    // A file that is one hole: 96 MiB of zeros, read like any others.
    uint64_t offset = 0;
    for (uint64_t level = 0; level < kLevels; ++level) {
      const std::vector<uint8_t> zeros(kBytes[level]);
      const uint64_t checksum = kl_checksum64(zeros.data(), zeros.size(), 0);
      for (uint64_t id = 0; id < kCounts[level]; ++id, offset += kBytes[level]) {
        pieces_.push_back({0, 0, offset, kBytes[level]});
        records_.push_back({nullptr, 1, 1, checksum});
        groups_.push_back(static_cast<uint8_t>(level));
      }
    }
    for (size_t i = 0; i < pieces_.size(); ++i) records_[i].pieces = &pieces_[i];
    path_ = folder_.Write("own/facts.klbank", "");
    ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(offset)), 0);
    flash_ = folder_.path() + "/flash";
    ASSERT_EQ(mkdir(flash_.c_str(), S_IRWXU), 0);
    paths_[0] = path_.c_str();
    source_.struct_size = sizeof source_;
    source_.path_count = 1;
    source_.paths = paths_;
    source_.records = records_.data();
    source_.record_count = records_.size();
    source_.slot_bytes = kBytes[0];
    source_.group_count = kLevels;
    source_.group_slot_bytes = kBytes;
    source_.group_of_record = groups_.data();
  }

  std::unique_ptr<Registry> registry_;
  const kl_bank* table_ = nullptr;
  const TempFolder folder_;
  std::string path_, flash_;
  const char* paths_[1] = {nullptr};
  std::vector<kl_bank_piece> pieces_;
  std::vector<kl_bank_record> records_;
  std::vector<uint8_t> groups_;
  kl_bank_source source_ = {};
};

TEST_F(MemoryBankPluginTest, StaysInItsBudgetWhateverIsAskedFor) {
  BankOptions options;
  options.source = &source_;
  options.budget_bytes = kBudgetBytes;
  options.tiers = {{flash_, 40 * kMiB}};
  EXPECT_EQ(Bank::Policies(*table_).front(), "lru");
  const uint64_t before_bytes = ResidentBytes();
  auto opened = Bank::Open(*table_, registry_->HostOf(table_), options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const std::unique_ptr<Bank> bank = *std::move(opened);
  uint64_t most_bytes = 0;
  const auto fetch = [&](uint64_t leaf) {
    const uint64_t path[kLevels] = {leaf / 16, kCounts[0] + leaf / 4,
                                    kCounts[0] + kCounts[1] + leaf};
    auto ticket = bank->Submit(path, kLevels);
    ASSERT_TRUE(ticket.ok()) << ticket.status();
    for (;;) {
      BankLease lease;
      const kl_bank_answer answer = ticket->Next(1'000'000'000, &lease);
      if (answer == KL_BANK_PENDING) continue;
      if (answer != KL_BANK_READY) {
        ASSERT_EQ(answer, KL_BANK_DONE) << ticket->status();
        break;
      }
      EXPECT_NE(lease.origin(), KL_BANK_ORIGIN_UNKNOWN);
      EXPECT_EQ(lease.bytes(), kBytes[groups_[lease.id()]]);
    }
    most_bytes = std::max(most_bytes, ResidentBytes());
  };
  for (uint64_t i = 0; i < 200; ++i) fetch(i * 29 % 64);
  EXPECT_LE(most_bytes - before_bytes, kBudgetBytes + kSlackBytes) << bank->Describe();
  EXPECT_GT(most_bytes - before_bytes, kBudgetBytes / 2) << bank->Describe();  // the test can fail
  EXPECT_LE(bank->Stats().resident_bytes, kBudgetBytes);

  const auto needs = Bank::QueryBudget(*table_, options);
  ASSERT_TRUE(needs.ok()) << needs.status();
  const auto resized = bank->Resize(needs->least_bytes);
  ASSERT_TRUE(resized.ok()) << resized;
  most_bytes = 0;
  for (uint64_t i = 0; i < 50; ++i) fetch(i * 29 % 64);
  EXPECT_LE(most_bytes - before_bytes, needs->least_bytes + kSlackBytes) << bank->Describe();
}

}  // namespace
}  // namespace kinglet
