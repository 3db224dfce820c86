// What a memory bank does when storage fails: of a copy, it is as if there were none; of the bank's
// own file, a clear error. Never wrong bytes.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <cerrno>

#include "plugins/memory_bank/memory_fixture.h"

namespace memory_bank {
namespace {

using Origins = std::vector<kl_bank_origin>;
using record_bank::Fault;

constexpr kl_bank_origin kMemory = KL_BANK_ORIGIN_MEMORY, kFile = KL_BANK_ORIGIN_FILE,
                         kTier0 = KL_BANK_ORIGIN_TIER;

class MemoryFaultTest : public MemoryFixture {
 protected:
  static void Overwrite(const std::string& path, uint64_t offset, const std::string& bytes) {
    const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    ASSERT_EQ(pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    close(file);
  }
  static Fault Error(int error) {
    Fault fault;
    fault.error = error;
    return fault;
  }
  // Blocks 4 to 7, of level 2, are copied to the flash; none of them is in memory.
  void OpenWithCopies() {
    AddTier("/flash", 1 << 20);
    Open(BudgetFor(0, 0, 0));
    for (uint64_t id = 4; id < 8; ++id) {
      Fetch({id});
      WaitForCopies();
    }
    Fetch({8});
    WaitForCopies();
  }
};

TEST_F(MemoryFaultTest, AWrongBlockFailsWithItsPlace) {
  Overwrite(path_, pieces_[6].offset + 77, "other");
  Open(BudgetFor(0, 0, 0));
  ExpectFailure(Submit({0, 6, 21}), KL_DATA_CORRUPT,
                "record 6, offset " + std::to_string(pieces_[6].offset) + " of ");
  EXPECT_NE(std::string(error_.message).find("facts.klbank"), std::string::npos);
  EXPECT_NE(std::string(error_.message).find("checksum"), std::string::npos);
  EXPECT_EQ(Fetch({0, 5, 21}).size(), 3u);
  EXPECT_EQ(bank_->Stats().failed_count, 1u);
}

TEST_F(MemoryFaultTest, AWrongBlockIsNotServedFromItsCopyEither) {
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  Fetch({6});
  WaitForCopies();
  Fetch({7});
  WaitForCopies();
  Overwrite(path_, pieces_[6].offset + 77, "other");
  // The copy is right, whatever happened to the file.
  EXPECT_EQ(Fetch({6}), Origins{kTier0});
  Fetch({7});
  Overwrite(TierFilePath("/flash", 2), TierFile::EmptyBytes(17) + 77, "other");
  ExpectFailure(Submit({6}), KL_DATA_CORRUPT, "record 6, offset");
}

TEST_F(MemoryFaultTest, DamagedCopiesAreReadFromTheOwnFileAndMadeAnew) {
  for (const kl_bank_verify verify :
       {KL_BANK_VERIFY_ALWAYS, KL_BANK_VERIFY_FIRST, KL_BANK_VERIFY_NEVER}) {
    tier_paths_.clear();
    tiers_.clear();
    options_.verify = verify;
    OpenWithCopies();
    ASSERT_EQ(Fetch({5}), Origins{kTier0});
    Fetch({8});
    WaitForCopies();
    // Every copy of level 2.
    const std::string path = TierFilePath("/flash", 2);
    for (uint64_t place = 0; place < 5; ++place) {
      Overwrite(path, TierFile::EmptyBytes(17) + place * 12288 + 5000, "other");
    }
    EXPECT_EQ(Fetch({5}), Origins{kFile});
    EXPECT_GT(bank_->Stats().checksum_failure_count, 0u);
    EXPECT_EQ(bank_->Stats().failed_count, 0u);
    WaitForCopies();
    EXPECT_EQ(Fetch({6}), Origins{kFile});
    WaitForCopies();
    EXPECT_EQ(Fetch({5}), Origins{kTier0});
    bank_.reset();
    unlink(path.c_str());
  }
}

TEST_F(MemoryFaultTest, CopiesThatCannotBeReadAreReadFromTheOwnFile) {
  OpenWithCopies();
  faults_->Script({Error(EIO), Error(EIO)});  // it is tried twice, then somewhere else
  EXPECT_EQ(Fetch({5}), Origins{kFile});
  EXPECT_EQ(bank_->Stats().failed_count, 0u);
  faults_->Script({Error(EIO)});
  EXPECT_EQ(Fetch({6}), Origins{kTier0});
  faults_->Always(Error(EIO));
  ExpectFailure(Submit({7}), KL_IO_ERROR, "record 7, offset " + std::to_string(pieces_[7].offset));
  faults_->Always(Fault());
  EXPECT_EQ(Fetch({7}), Origins{kFile});
}

TEST_F(MemoryFaultTest, ATierFileThatIsCutShortWhileItIsReadIsNoHarm) {
  OpenWithCopies();
  ASSERT_EQ(truncate(TierFilePath("/flash", 2).c_str(), 9000), 0);
  for (uint64_t id = 4; id < 8; ++id) EXPECT_EQ(Fetch({id}), Origins{kFile});
  WaitForCopies();
  EXPECT_EQ(Fetch({4}), Origins{kTier0});
}

TEST_F(MemoryFaultTest, CopiesOfAnotherEditionAreBegunAnew) {
  OpenWithCopies();
  bank_.reset();
  WriteBank(1);
  Open(BudgetFor(0, 0, 0));
  for (uint64_t id = 4; id < 8; ++id) EXPECT_EQ(Fetch({id}), Origins{kFile});
  WaitForCopies();
  EXPECT_EQ(Fetch({4}), Origins{kTier0});
}

TEST_F(MemoryFaultTest, ADirectoryThatIsNotThereIsAnError) {
  AddTier("/no_flash", 1 << 20);
  options_.budget_bytes = 1 << 26;
  EXPECT_EQ(TryOpen(), KL_NOT_FOUND);
  EXPECT_NE(std::string(error_.message).find("/no_flash: no such directory"), std::string::npos)
      << error_.message;
}

TEST_F(MemoryFaultTest, ADirectoryThatCannotBeUsedCostsAWarning) {
  OpenWithCopies();
  const std::string path = TierFilePath("/flash", 2);
  bank_.reset();
  unlink(path.c_str());
  ASSERT_EQ(mkdir(path.c_str(), S_IRWXU), 0);
  Open(BudgetFor(0, 0, 0));
  EXPECT_NE(Warnings().find("blocks of this level are not copied there"), std::string::npos)
      << Warnings();
  EXPECT_EQ(Fetch({5}), Origins{kFile});
  bank_.reset();
  rmdir(path.c_str());
}

TEST_F(MemoryFaultTest, ADirectoryWithoutRoomIsFilledNoFurther) {
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  // A file of this level may hold two copies.
  struct sigaction ignore = {}, before_action;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, &before_action);
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit full = before;
  full.rlim_cur = TierFile::EmptyBytes(17) + 2 * 12288;
  setrlimit(RLIMIT_FSIZE, &full);
  for (uint64_t id = 4; id < 10; ++id) {
    EXPECT_EQ(Fetch({id}), Origins{kFile});
    WaitForCopies();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  sigaction(SIGXFSZ, &before_action, nullptr);
  EXPECT_NE(Warnings().find("no more blocks are copied there"), std::string::npos) << Warnings();
  EXPECT_EQ(Fetch({4}), Origins{kTier0});
  EXPECT_EQ(Fetch({5}), Origins{kTier0});
  EXPECT_EQ(Fetch({6}), Origins{kFile});
  WaitForCopies();
  EXPECT_EQ(BytesIn(folder_ + "/flash"), TierFile::EmptyBytes(5) + TierFile::EmptyBytes(17) +
                                             TierFile::EmptyBytes(65) + 2 * 12288);
}

TEST_F(MemoryFaultTest, WhatCannotBeReadIsNotCopied) {
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  faults_->Script({Fault(), Error(EIO)});  // for somebody, and for the copy
  EXPECT_EQ(Fetch({5}), Origins{kFile});
  WaitForCopies();
  Fetch({6});
  WaitForCopies();
  EXPECT_EQ(Fetch({5}), Origins{kFile});
  WaitForCopies();
  Fetch({6});
  EXPECT_EQ(Fetch({5}), Origins{kTier0});
}

TEST_F(MemoryFaultTest, CopyingWaitsWhileSomebodyWaitsForStorage) {
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(1, 1, 1));
  faults_->Hold();
  const kl_bank_ticket first = Submit({0}), second = Submit({5});
  faults_->Let(1);
  kl_lease lease;
  ASSERT_EQ(Next(first, &lease), KL_BANK_READY);
  bank_->Release(lease);
  // Only the read that somebody waits for is with storage.
  usleep(5000);
  EXPECT_EQ(faults_->waiting(), 1u);
  EXPECT_FALSE(static_cast<Tiers*>(bank_->places())->idle());
  faults_->LetAll();
  ASSERT_EQ(Next(second, &lease), KL_BANK_READY);
  bank_->Release(lease);
  WaitForCopies();
  EXPECT_EQ(FilesIn(folder_ + "/flash").size(), 3u);
  EXPECT_EQ(Fetch({0}), Origins{kMemory});
}

TEST_F(MemoryFaultTest, ClosingEndsWhatIsBeingCopied) {
  for (int round = 0; round < 10; ++round) {
    tier_paths_.clear();
    tiers_.clear();
    AddTier("/flash", 1 << 20);
    Open(BudgetFor(4, 4, 4));
    Submit({0, 1, 2, 3, 5, 6, 20, 21, 22});
    usleep(static_cast<unsigned>(round) * 100);
    bank_.reset();
  }
  Open(BudgetFor(0, 0, 0));
  for (uint64_t id = 0; id < kRecords; ++id) Fetch({id});
}

TEST_F(MemoryFaultTest, RandomFaultsNeverGiveWrongBytes) {
  AddTier("/flash", 150000);
  AddTier("/slow", 150000);
  Open(BudgetFor(1, 1, 1));
  TakeUnderRandomFaults(kRecords, 8);
}

}  // namespace
}  // namespace memory_bank
