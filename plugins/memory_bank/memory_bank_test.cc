// What a memory bank promises when nothing goes wrong.
#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "plugins/memory_bank/memory_fixture.h"

namespace memory_bank {
namespace {

using Origins = std::vector<kl_bank_origin>;

constexpr kl_bank_origin kMemory = KL_BANK_ORIGIN_MEMORY, kFile = KL_BANK_ORIGIN_FILE,
                         kTier0 = KL_BANK_ORIGIN_TIER, kTier1 = KL_BANK_ORIGIN_TIER + 1;

class MemoryBankTest : public MemoryFixture {
 protected:
  // The path of node `leaf` of level 3.
  static std::vector<uint64_t> PathOf(uint64_t leaf) {
    return {leaf / 16, kFirst[1] + leaf / 4, kFirst[2] + leaf};
  }
};

TEST_F(MemoryBankTest, EachLevelHasSlotsOfItsOwnSize) {
  options_.queue_depth = 1;
  Open(BudgetFor(0, 0, 0));
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.slot_count, 3u);
  EXPECT_LE(stats.resident_bytes, options_.budget_bytes);
  EXPECT_EQ(stats.resident_bytes, options_.budget_bytes);
  for (uint64_t leaf = 0; leaf < 64; leaf += 7) Fetch(PathOf(leaf));
  EXPECT_EQ(Fetch({kGeneric, kGeneric + 1, kGeneric + 2}), (Origins{kFile, kFile, kFile}));
  EXPECT_EQ(bank_->Stats().slot_count, 3u);
  --options_.budget_bytes;
  EXPECT_EQ(TryOpen(), KL_OUT_OF_BUDGET);
  EXPECT_NE(std::string(error_.message).find("at least "), std::string::npos) << error_.message;
}

TEST_F(MemoryBankTest, WhatABudgetBuysIsForUpperLevelsFirst) {
  Open(BudgetFor(4, 2, 0));  // level 1 with its generic block, and three blocks of level 2
  EXPECT_EQ(bank_->Stats().slot_count, 5u + 3u + 1u);
  for (uint64_t leaf = 0; leaf < 64; ++leaf) Fetch(PathOf(leaf));
  // Level 1 is all there, of level 2 the last three, of level 3 the last one.
  EXPECT_EQ(Fetch(PathOf(0)), (Origins{kMemory, kFile, kFile}));
  EXPECT_EQ(Fetch({2, kFirst[1] + 15, kFirst[2]}), (Origins{kMemory, kMemory, kMemory}));
  EXPECT_EQ(Fetch({3, kFirst[1] + 13}), (Origins{kMemory, kFile}));  // 14, 15 and 0 were left
  EXPECT_EQ(bank_->Stats().read_count, 4u + 16u + 64u + 3u);
}

TEST_F(MemoryBankTest, ATierOfMemoryBoundsWhatIsKeptThere) {
  AddTier(nullptr, 2 * SlotBytes(0));
  Open(BudgetFor(100, 100, 100));
  EXPECT_EQ(bank_->Stats().slot_count, 3u + 1u + 1u);
  EXPECT_LT(bank_->Stats().resident_bytes, options_.budget_bytes);
}

TEST_F(MemoryBankTest, LeasedBlocksStayAndLevelsDoNotWaitForEachOther) {
  Open(BudgetFor(0, 0, 0));
  kl_lease held[3], lease;
  const kl_bank_ticket first = Submit(PathOf(0));
  for (kl_lease& each : held) ASSERT_EQ(Next(first, &each), KL_BANK_READY);
  // The same block of level 1, the others are in the way.
  const kl_bank_ticket second = Submit(PathOf(5));
  ASSERT_EQ(Next(second, &lease), KL_BANK_READY);
  EXPECT_EQ(lease.id, 0u);
  EXPECT_EQ(lease.origin, kMemory);
  bank_->Release(lease);
  EXPECT_EQ(Next(second, &lease), KL_BANK_EXHAUSTED);
  for (const kl_lease& each : held) ExpectContent(each);
  for (const kl_lease& each : held) {
    if (each.id == PathOf(0)[2]) bank_->Release(each);
  }
  ASSERT_EQ(Next(second, &lease), KL_BANK_READY);
  EXPECT_EQ(lease.id, PathOf(5)[2]);
  bank_->Release(lease);
  EXPECT_EQ(Next(second, &lease), KL_BANK_EXHAUSTED);
  bank_->Cancel(second);
  for (const kl_lease& each : held) {
    if (each.id != PathOf(0)[2]) bank_->Release(each);
  }
  EXPECT_EQ(bank_->Stats().leased_count, 0u);
}

TEST_F(MemoryBankTest, ADeniedBlockIsNeverRead) {
  AddTier("/flash", 1 << 20);
  const uint64_t denied = kFirst[1] + 7;
  const kl_bank_piece where = pieces_[denied];
  records_[denied] = {nullptr, 0, 1, records_[denied].checksum};
  Open(BudgetFor(4, 2, 2));
  kl_bank_ticket ticket = 0;
  const uint64_t path[3] = {1, denied, kFirst[2] + 28};
  for (const uint32_t kind : {KL_SUBMIT_DEMAND, KL_SUBMIT_PREFETCH}) {
    EXPECT_EQ(bank_->Submit(path, 3, kind, &ticket, &error_), KL_NOT_FOUND);
    EXPECT_NE(std::string(error_.message).find("record 11 is absent or denied"), std::string::npos)
        << error_.message;
  }
  EXPECT_EQ(bank_->Pin(denied, true, &error_), KL_NOT_FOUND);
  // All or nothing: not even what may be read was read.
  EXPECT_EQ(bank_->Stats().read_count + bank_->Stats().pending_count, 0u);
  reads_->Take();
  std::vector<RecordingReader::Entry> entries;
  for (int round = 0; round < 3; ++round) {
    for (uint64_t id = 0; id < kRecords; ++id) {
      if (id != denied) Fetch({id});
    }
    WaitForCopies();
    const auto more = reads_->Take();
    entries.insert(entries.end(), more.begin(), more.end());
  }
  ASSERT_GE(entries.size(), kRecords);
  for (const auto& entry : entries) EXPECT_FALSE(Touches(entry, path_, where));
  EXPECT_TRUE(std::any_of(entries.begin(), entries.end(), [this](const auto& entry) {
    return Touches(entry, path_, pieces_[kFirst[1] + 6]);  // the test can fail
  }));
}

TEST_F(MemoryBankTest, ABankWhoseBlocksAreAllDeniedOpens) {
  for (kl_bank_record& record : records_) record.piece_count = 0;
  Open(BudgetFor(0, 0, 0));
  EXPECT_EQ(bank_->Stats().slot_count, 0u);
  EXPECT_EQ(bank_->Resize(options_.budget_bytes, &error_), KL_OK);
  kl_bank_ticket ticket = 0;
  const uint64_t id = 3;
  EXPECT_EQ(bank_->Submit(&id, 1, KL_SUBMIT_DEMAND, &ticket, &error_), KL_NOT_FOUND);
  EXPECT_TRUE(Fetch({}).empty());
}

TEST_F(MemoryBankTest, ALevelWithoutBlocksTakesNothing) {
  // Level 2 has rows of 0 neurons: no blocks, and a generic one that is not there.
  for (uint64_t id = kFirst[1]; id < kFirst[2]; ++id) records_[id].piece_count = 0;
  records_[kGeneric + 1].piece_count = 0;
  const uint64_t bytes[kLevels] = {kBytes[0], 0, kBytes[2]};
  source_.group_slot_bytes = bytes;
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  EXPECT_EQ(bank_->Stats().slot_count, 2u);
  EXPECT_EQ(Fetch({2, kFirst[2] + 5}), (Origins{kFile, kFile}));
  EXPECT_EQ(bank_->Describe().find("level 2"), std::string::npos) << bank_->Describe();
  EXPECT_EQ(bank_->Resize(options_.budget_bytes, &error_), KL_OK) << error_.message;
  WaitForCopies();
  EXPECT_EQ(FilesIn(folder_ + "/flash").size(), 2u);
  // With a block it is a mistake.
  records_[kFirst[1]].piece_count = 1;
  EXPECT_EQ(TryOpen(), KL_INVALID_ARGUMENT);
}

TEST_F(MemoryBankTest, TheCopyOfABlockThatIsDeniedLaterGoes) {
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  const uint64_t id = kFirst[1] + 7;
  Fetch({id, id + 1});
  WaitForCopies();
  const auto is_there = [this, id] {
    std::ifstream file(TierFilePath("/flash", 2), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::string content;
    for (uint64_t i = 0; i < kBytes[1]; ++i) {
      content.push_back(static_cast<char>(ByteOf(id, i, edition_)));
    }
    return bytes.find(content) != std::string::npos;
  };
  EXPECT_TRUE(is_there());
  records_[id].piece_count = 0;
  Open(BudgetFor(0, 0, 0));
  EXPECT_FALSE(is_there());
  EXPECT_EQ(Fetch({id + 1}), Origins{kFile});
}

TEST_F(MemoryBankTest, BlocksAreCopiedOnceAndReadFromTheCopyAlsoAfterARestart) {
  // Level 1 stays in memory; level 2 fits into the flash, and of level 3 what is left.
  AddTier(nullptr, 4 * SlotBytes(0));
  AddTier("/flash", TierFile::EmptyBytes(17) + 17 * 12288 + TierFile::EmptyBytes(65) + 2 * 4096);
  AddTier("/slow", 1 << 20);
  Open(BudgetFor(100, 0, 0));
  EXPECT_EQ(Fetch(PathOf(0)), (Origins{kFile, kFile, kFile}));
  WaitForCopies();
  Fetch(PathOf(63));
  WaitForCopies();
  Fetch(PathOf(32));
  WaitForCopies();
  // Two blocks of level 3 are in the flash, the third is in the next directory.
  reads_->Take();
  EXPECT_EQ(Fetch(PathOf(0)), (Origins{kMemory, kTier1, kTier1}));
  EXPECT_EQ(Fetch(PathOf(63)), (Origins{kMemory, kTier1, kTier1}));
  EXPECT_EQ(Fetch(PathOf(32)), (Origins{kMemory, kTier1, KL_BANK_ORIGIN_TIER + 2}));
  for (const auto& entry : reads_->Take()) EXPECT_NE(entry.path, path_);
  EXPECT_EQ(FilesIn(folder_ + "/flash").size(), 2u);
  EXPECT_EQ(FilesIn(folder_ + "/slow").size(), 1u);
  const std::string line = bank_->Describe();
  EXPECT_NE(line.find("level 1: 5 slots of 0.04 MiB for 5 records; level 2: 1 slots"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find("3 of at most 17 copied to " + folder_ + "/flash"), std::string::npos)
      << line;
  EXPECT_NE(line.find("1 of at most 63 copied to " + folder_ + "/slow"), std::string::npos) << line;

  Open(BudgetFor(100, 0, 0));
  EXPECT_EQ(Fetch(PathOf(0)), (Origins{kFile, kTier1, kTier1}));  // memory begins empty
  WaitForCopies();
  EXPECT_EQ(FilesIn(folder_ + "/flash").size(), 2u);
}

TEST_F(MemoryBankTest, DirectoriesKeepTheirBudget) {
  for (const uint64_t budget : {5000, 20000, 60000, 150000}) {
    tier_paths_.clear();
    tiers_.clear();
    AddTier("/flash", budget);
    Open(BudgetFor(0, 0, 0));
    for (int round = 0; round < 2; ++round) {
      for (uint64_t id = 0; id < kRecords; ++id) {
        Fetch({id});
        if (id % 16 == 0) WaitForCopies();
      }
    }
    WaitForCopies();
    EXPECT_LE(BytesIn(folder_ + "/flash"), budget);
    if (budget >= 60000) {
      EXPECT_GT(BytesIn(folder_ + "/flash"), budget - 40960 - 8192);
    }
  }
  // Files of levels that are somewhere else now go.
  Open(BudgetFor(100, 100, 100));
  EXPECT_TRUE(FilesIn(folder_ + "/flash").empty());
}

TEST_F(MemoryBankTest, NothingIsCopiedIntoTheFolderOfTheBankItself) {
  AddTier("/own", 1 << 20);
  AddTier("/slow", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  for (uint64_t leaf = 0; leaf < 64; leaf += 9) Fetch(PathOf(leaf));
  WaitForCopies();
  EXPECT_EQ(FilesIn(folder_ + "/own").size(), 1u);
  EXPECT_TRUE(FilesIn(folder_ + "/slow").empty());
}

TEST_F(MemoryBankTest, PinsAndResizeAreForEachLevel) {
  Open(BudgetFor(4, 3, 0));
  const uint64_t whole = options_.budget_bytes;
  for (uint64_t id = 0; id < 4; ++id) {
    EXPECT_EQ(bank_->Pin(id, true, &error_), KL_OK) << error_.message;  // all of them fit
  }
  EXPECT_EQ(bank_->Pin(kFirst[1], true, &error_), KL_OK);
  EXPECT_EQ(bank_->Pin(kFirst[2], true, &error_), KL_OUT_OF_BUDGET);  // the one slot is for leases
  for (uint64_t id = 0; id < kFirst[2]; ++id) Fetch({id});
  EXPECT_EQ(Fetch({0, 1, 2, 3, kFirst[1]}), (Origins(5, kMemory)));
  // Memory under pressure: lower levels go first.
  ASSERT_EQ(bank_->Resize(whole - 2 * SlotBytes(1), &error_), KL_OK) << error_.message;
  EXPECT_EQ(bank_->Stats().slot_count, 5u + 2u + 1u);
  EXPECT_LE(bank_->Stats().resident_bytes, whole - 2 * SlotBytes(1));
  EXPECT_EQ(Fetch({0, 1, 2, 3, kFirst[1]}), (Origins(5, kMemory)));
  const kl_code code = bank_->Resize(BudgetFor(0, 0, 0), &error_);
  EXPECT_EQ(code, KL_OUT_OF_BUDGET);
  EXPECT_NE(std::string(error_.message).find("5 pinned"), std::string::npos) << error_.message;
  for (uint64_t id = 0; id <= kFirst[1]; ++id) bank_->Pin(id, false, &error_);
  ASSERT_EQ(bank_->Resize(BudgetFor(0, 0, 0), &error_), KL_OK) << error_.message;
  EXPECT_EQ(bank_->Stats().slot_count, 3u);
  Fetch(PathOf(40));
  ASSERT_EQ(bank_->Resize(whole, &error_), KL_OK);
  EXPECT_EQ(bank_->Stats().slot_count, 5u + 4u + 1u);
  EXPECT_EQ(Fetch(PathOf(40)), (Origins(3, kMemory)));
}

TEST_F(MemoryBankTest, PathsAreReadAheadWhereThereIsRoom) {
  Open(BudgetFor(2, 2, 2));
  kl_lease lease;
  EXPECT_EQ(Next(Submit(PathOf(9), KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
  EXPECT_EQ(Fetch(PathOf(9)), (Origins(3, kMemory)));
  EXPECT_EQ(bank_->Stats().useful_prefetch_count, 3u);
}

TEST_F(MemoryBankTest, HostsOfOlderVersionsAreServed) {
  // One size for all, and a lease that cannot say where it came from.
  source_.struct_size = offsetof(kl_bank_source, reserved);
  source_.group_count = 77;  // beyond what they know: never looked at
  options_.budget_bytes = 1 << 26;
  ASSERT_EQ(TryOpen(), KL_OK) << error_.message;
  EXPECT_EQ(bank_->Stats().slot_count, kRecords);
  EXPECT_GT(bank_->Stats().resident_bytes, kRecords * 40960);
  const kl_bank_ticket ticket = Submit({5});
  kl_lease lease = {};
  lease.struct_size = offsetof(kl_lease, origin);
  lease.origin = 99;
  ASSERT_EQ(bank_->NextReady(ticket, kLongNs, &lease, &error_), KL_BANK_READY);
  EXPECT_EQ(lease.origin, 99u);
  ExpectContent(lease);
  bank_->Release(lease);
}

TEST_F(MemoryBankTest, WrongDescriptionsAreRefused) {
  const auto refused = [this](const char* text) {
    options_.budget_bytes = 1 << 24;
    EXPECT_EQ(TryOpen(), KL_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error_.message).find(text), std::string::npos) << error_.message;
  };
  groups_[9] = 3;
  refused("record 9 is in group 3 of 3");
  groups_[9] = 0;
  records_[9].piece_count = 1;
  pieces_[9].bytes = 40001;
  refused("record 9 has 40001 bytes, but a slot only 40000");
  pieces_[9].bytes = 10000;
  source_.group_count = KL_BANK_MAX_GROUPS + 1;
  refused("17 groups");
  source_.group_count = kLevels;
  source_.slot_bytes = 39999;
  refused("group 0 has slots of 40000 bytes");
  source_.slot_bytes = 40000;
  source_.group_of_record = nullptr;
  refused("3 groups of records");
}

kl_code Invert(void*, uint64_t id, const void* const* pieces, void* slot, kl_error*) {
  constexpr uint64_t kBytes[3] = {40000, 10000, 3000};
  const uint64_t level = id >= 84 ? id - 84 : id < 4 ? 0 : id < 20 ? 1 : 2;
  for (uint64_t i = 0; i < kBytes[level]; ++i) {
    static_cast<uint8_t*>(slot)[i] = static_cast<const uint8_t*>(pieces[0])[i] ^ 0xFF;
  }
  return KL_OK;
}

TEST_F(MemoryBankTest, BlocksThatTheHostUnpacksAreCopiedAsTheyAreInTheFile) {
  source_.unpack = &Invert;
  AddTier("/flash", 1 << 20);
  Open(BudgetFor(0, 0, 0));
  for (int round = 0; round < 2; ++round) {
    for (const uint64_t id : {1, 2, 3}) {
      const kl_bank_ticket ticket = Submit({id});
      kl_lease lease;
      ASSERT_EQ(Next(ticket, &lease), KL_BANK_READY) << error_.message;
      EXPECT_EQ(lease.origin, round == 0 ? kFile : kTier0);
      ASSERT_EQ(lease.bytes, kBytes[0]);
      for (uint64_t i = 0; i < lease.bytes; ++i) {
        ASSERT_EQ(static_cast<const uint8_t*>(lease.data)[i], ByteOf(id, i, 0) ^ 0xFF);
      }
      bank_->Release(lease);
      bank_->Cancel(ticket);
    }
    WaitForCopies();
  }
}

// Several sessions on one bank, with copies being made, guesses, pins and pressure.
TEST_F(MemoryBankTest, ManyThreadsGetTheRightBytes) {
  AddTier("/flash", 120000);
  AddTier("/slow", 60000);
  options_.min_lease_count = 4;
  Open(BudgetFor(1, 3, 8));
  const uint64_t whole = options_.budget_bytes;
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread, whole] {
      std::mt19937 random(thread);
      kl_error error = {sizeof error, KL_OK, {}};
      for (int round = 0; round < 150; ++round) {
        const std::vector<uint64_t> path = PathOf(random() % 64), next = PathOf(random() % 64);
        kl_bank_ticket ticket = 0, guess = 0;
        ASSERT_EQ(bank_->Submit(path.data(), 3, KL_SUBMIT_DEMAND, &ticket, &error), KL_OK);
        ASSERT_EQ(bank_->Submit(next.data(), 3, KL_SUBMIT_PREFETCH, &guess, &error), KL_OK);
        if (random() % 8 == 0) bank_->Cancel(guess);
        if (random() % 16 == 0) {
          bank_->Resize(whole - random() % 100000, &error);
          bank_->Pin(random() % kRecords, random() % 2 == 0, &error);
          bank_->Describe();
        }
        if (random() % 8 == 0) {
          bank_->Cancel(ticket);
          continue;
        }
        TakeAmongOthers(ticket, 3, &error);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.leased_count, 0u);
  EXPECT_EQ(stats.failed_count, 0u);
  EXPECT_LE(BytesIn(folder_ + "/flash"), 120000u);
  EXPECT_LE(BytesIn(folder_ + "/slow"), 60000u);
}

}  // namespace
}  // namespace memory_bank
