// What a bank promises when nothing goes wrong.
#include "plugins/common/record_bank/record_bank.h"

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "plugins/common/record_bank/bank_fixture.h"

namespace record_bank {
namespace {

class EveryShapeTest : public BankFixture,
                       public testing::WithParamInterface<std::tuple<Shape, const char*>> {};

TEST_P(EveryShapeTest, EveryRecordComesWithItsBytes) {
  MakeFile(std::get<0>(GetParam()));
  options_.reader = std::get<1>(GetParam());
  std::unique_ptr<RecordBank> probe;
  options_.budget_bytes = 1 << 24;
  if (RecordBank::Open(nullptr, options_, kind_, surroundings_, &probe, &error_) ==
      KL_UNSUPPORTED) {
    GTEST_SKIP() << error_.message;
  }
  probe.reset();
  Open(5);
  for (int round = 0; round < 2; ++round) {
    for (uint64_t first = 0; first < kRecords; first += 4) {
      std::vector<uint64_t> ids = TakeAll(Submit({first, first + 1, first + 2, first + 3}));
      std::sort(ids.begin(), ids.end());
      EXPECT_EQ(ids, (std::vector<uint64_t>{first, first + 1, first + 2, first + 3}));
    }
  }
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.hit_count + stats.miss_count, 2 * kRecords);
  EXPECT_EQ(stats.read_count, stats.miss_count);
  EXPECT_GE(stats.read_bytes, stats.read_count * kRecordBytes);
  EXPECT_EQ(stats.leased_count, 0u);
  EXPECT_NE(bank_->Describe().find(options_.reader), std::string::npos) << bank_->Describe();
}

INSTANTIATE_TEST_SUITE_P(Shapes, EveryShapeTest,
                         testing::Combine(testing::Values(Shape::kUnalignedPieces, Shape::kAligned,
                                                          Shape::kInPlace, Shape::kUnpacked),
                                          testing::Values("io_uring", "pread", "buffered")));

class RecordBankTest : public BankFixture {};

TEST_F(RecordBankTest, WhatIsThereIsNotReadAgain) {
  MakeFile(Shape::kUnalignedPieces);
  Open(4);
  TakeAll(Submit({1, 2}));
  EXPECT_EQ(TakeAll(Submit({2, 1})), (std::vector<uint64_t>{2, 1}));
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.hit_count, 2u);
  EXPECT_EQ(stats.miss_count, 2u);
  EXPECT_EQ(stats.read_count, 2u);
}

TEST_F(RecordBankTest, LeasedSlotsAreNeverEvictedAndExhaustionIsSaid) {
  MakeFile(Shape::kAligned);
  Open(3);
  const kl_bank_ticket ticket = Submit({1, 2, 3, 4});
  kl_lease leases[3], lease;
  for (kl_lease& each : leases) ASSERT_EQ(Next(ticket, &each), KL_BANK_READY);
  EXPECT_EQ(Next(ticket, &lease), KL_BANK_EXHAUSTED);
  const kl_bank_ticket other = Submit({9});
  EXPECT_EQ(Next(other, &lease), KL_BANK_EXHAUSTED);
  for (const kl_lease& each : leases) ExpectContent(each);
  bank_->Release(leases[1]);
  ASSERT_EQ(Next(ticket, &lease), KL_BANK_READY);
  EXPECT_EQ(lease.id, 4u);
  ExpectContent(lease);
  ExpectContent(leases[0]);
  ExpectContent(leases[2]);
  bank_->Release(lease);
  EXPECT_EQ(TakeAll(other), std::vector<uint64_t>{9});
  bank_->Release(leases[0]);
  bank_->Release(leases[2]);
  EXPECT_EQ(Next(ticket, &lease), KL_BANK_DONE);
}

TEST_F(RecordBankTest, WhatATicketWaitsForIsNotEvictedByAnotherTicket) {
  MakeFile(Shape::kAligned);
  Open(2);
  const kl_bank_ticket first = Submit({1, 2});
  const kl_bank_ticket second = Submit({3});
  // Read, not handed out yet.
  while (bank_->Stats().read_count < 2) std::this_thread::yield();
  kl_lease lease;
  EXPECT_EQ(Next(second, &lease), KL_BANK_EXHAUSTED);
  EXPECT_EQ(TakeAll(first).size(), 2u);
  EXPECT_EQ(TakeAll(second).size(), 1u);
  EXPECT_EQ(bank_->Stats().read_count, 3u);
}

TEST_F(RecordBankTest, AMissDoesNotEvictAHitOfTheSameTicket) {
  MakeFile(Shape::kAligned);
  options_.policy = "lru";
  Open(2);
  TakeAll(Submit({1, 2}));
  TakeAll(Submit({3, 1}));  // 1 is the oldest, and asked for
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.hit_count, 1u);
  EXPECT_EQ(stats.read_count, 3u);
}

TEST_F(RecordBankTest, ARecordUnderWayIsReadOnce) {
  MakeFile(Shape::kUnalignedPieces);
  Open(4);
  faults_->Hold();
  const kl_bank_ticket guess = Submit({7}, KL_SUBMIT_PREFETCH);
  const kl_bank_ticket first = Submit({7, 7});
  const kl_bank_ticket second = Submit({7});
  kl_lease lease;
  EXPECT_EQ(Next(first, &lease, 0), KL_BANK_PENDING);
  EXPECT_EQ(Next(guess, &lease, 0), KL_BANK_PENDING);
  faults_->LetAll();
  EXPECT_EQ(TakeAll(first), (std::vector<uint64_t>{7, 7}));
  EXPECT_EQ(TakeAll(second), std::vector<uint64_t>{7});
  EXPECT_EQ(Next(guess, &lease), KL_BANK_DONE);
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.read_count, 1u);
  EXPECT_EQ(stats.joined_count, 3u);
  EXPECT_EQ(stats.useful_prefetch_count, 1u);
}

TEST_F(RecordBankTest, PendingComesBackInTime) {
  MakeFile(Shape::kAligned);
  Open(2);
  faults_->Hold();
  const kl_bank_ticket ticket = Submit({1});
  kl_lease lease;
  EXPECT_EQ(Next(ticket, &lease, 0), KL_BANK_PENDING);
  EXPECT_EQ(bank_->Stats().stall_ns, 0u);
  EXPECT_EQ(Next(ticket, &lease, 5'000'000), KL_BANK_PENDING);
  EXPECT_GE(bank_->Stats().stall_ns, 5'000'000u);
  faults_->LetAll();
  EXPECT_EQ(TakeAll(ticket).size(), 1u);
}

TEST_F(RecordBankTest, PrefetchesAreUsedOrCounted) {
  MakeFile(Shape::kAligned);
  options_.policy = "lru";
  Open(6);
  kl_lease lease;
  EXPECT_EQ(Next(Submit({1, 2}, KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
  TakeAll(Submit({1}));
  TakeAll(Submit({3, 4, 5, 6, 7, 8}));
  const kl_bank_stats stats = bank_->Stats();
  EXPECT_EQ(stats.prefetch_count, 2u);
  EXPECT_EQ(stats.hit_count, 1u);
  EXPECT_EQ(stats.useful_prefetch_count, 1u);
  EXPECT_EQ(stats.useless_prefetch_count, 1u);
}

// Whatever the policy thinks of a record that nobody has asked for yet, or not for long.
TEST_F(RecordBankTest, AGuessHasTheTimeToComeTrue) {
  MakeFile(Shape::kAligned);
  for (const char* const* policy = kPolicyNames; *policy != nullptr; ++policy) {
    options_.policy = *policy;
    Open(6);
    kl_lease lease;
    for (int i = 0; i < 3; ++i) TakeAll(Submit({1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(Next(Submit({20}, KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
    for (uint64_t id = 10; id < 14; ++id) TakeAll(Submit({id}));
    TakeAll(Submit({20}));
    EXPECT_EQ(bank_->Stats().useful_prefetch_count, 1u) << *policy;
    // But not for ever.
    EXPECT_EQ(Next(Submit({21}, KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
    for (int i = 0; i < 3; ++i) {
      for (uint64_t id = 0; id < 18; ++id) TakeAll(Submit({id}));
    }
    EXPECT_EQ(bank_->Stats().useless_prefetch_count, 1u) << *policy;
  }
}

TEST_F(RecordBankTest, WhatIsInMemoryAndGuessedAtIsNotGivenUpForOthers) {
  MakeFile(Shape::kAligned);
  options_.policy = "lru";
  Open(6);
  kl_lease lease;
  TakeAll(Submit({1, 2, 3, 4, 5, 6}));
  // 1 would be the first to leave.
  EXPECT_EQ(Next(Submit({1}, KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
  EXPECT_EQ(Next(Submit({20, 21}, KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
  for (uint64_t id = 10; id < 13; ++id) TakeAll(Submit({id}));
  const uint64_t hits = bank_->Stats().hit_count;
  TakeAll(Submit({1}));
  EXPECT_EQ(bank_->Stats().hit_count, hits + 1);
}

TEST_F(RecordBankTest, APrefetchNeverTakesTheSlotsOfLeases) {
  MakeFile(Shape::kAligned);
  Open(4);
  kl_lease leases[3];
  const kl_bank_ticket ticket = Submit({1, 2, 3});
  for (kl_lease& lease : leases) ASSERT_EQ(Next(ticket, &lease), KL_BANK_READY);
  faults_->Hold();
  Submit({10, 11, 12, 13, 14, 15}, KL_SUBMIT_PREFETCH);
  EXPECT_EQ(bank_->Stats().dropped_prefetch_count, 5u);
  for (const kl_lease& lease : leases) ExpectContent(lease);
  faults_->LetAll();
  for (const kl_lease& lease : leases) bank_->Release(lease);
  EXPECT_EQ(Next(ticket, &leases[0]), KL_BANK_DONE);
}

TEST_F(RecordBankTest, ADemandTakesTheSlotOfAGuessThatHasNotBegun) {
  MakeFile(Shape::kAligned);
  options_.queue_depth = 1;
  Open(6);
  faults_->Hold();
  kl_lease held[4], lease;
  faults_->Let(4);
  const kl_bank_ticket ticket = Submit({1, 2, 3, 4});
  for (kl_lease& each : held) ASSERT_EQ(Next(ticket, &each), KL_BANK_READY);
  Submit({20, 21}, KL_SUBMIT_PREFETCH);  // one is read, one queued
  const kl_bank_ticket demand = Submit({5});
  EXPECT_EQ(bank_->Stats().dropped_prefetch_count, 1u);
  faults_->LetAll();
  EXPECT_EQ(TakeAll(demand), std::vector<uint64_t>{5});
  for (const kl_lease& each : held) bank_->Release(each);
  bank_->Cancel(ticket);
  EXPECT_EQ(Next(ticket, &lease), KL_BANK_FAILED);
}

TEST_F(RecordBankTest, CancelledReadsThatHaveNotBegunAreNotRead) {
  MakeFile(Shape::kAligned);
  options_.queue_depth = 1;
  Open(8);
  faults_->Hold();
  const kl_bank_ticket demand = Submit({1, 2, 3});
  const kl_bank_ticket guess = Submit({11, 12}, KL_SUBMIT_PREFETCH);
  bank_->Cancel(demand);
  bank_->Cancel(guess);
  bank_->Cancel(guess);
  bank_->Cancel(12345);
  faults_->LetAll();
  kl_lease lease;
  while (bank_->Stats().pending_count > 0) std::this_thread::yield();
  EXPECT_EQ(bank_->Stats().read_count, 1u);  // that storage had begun with
  EXPECT_EQ(bank_->Stats().dropped_prefetch_count, 2u);
  EXPECT_EQ(Next(guess, &lease), KL_BANK_DONE);
  TakeAll(Submit({1}));
  EXPECT_EQ(bank_->Stats().hit_count, 1u);
}

TEST_F(RecordBankTest, PinnedRecordsStay) {
  MakeFile(Shape::kAligned);
  for (const char* const* policy = kPolicyNames; *policy != nullptr; ++policy) {
    options_.policy = *policy;
    Open(4);
    ASSERT_EQ(bank_->Pin(1, true, &error_), KL_OK);
    ASSERT_EQ(bank_->Pin(2, true, &error_), KL_OK);
    ASSERT_EQ(bank_->Pin(2, true, &error_), KL_OK);
    EXPECT_EQ(bank_->Pin(3, true, &error_), KL_OUT_OF_BUDGET);
    EXPECT_EQ(bank_->Pin(kRecords, true, &error_), KL_NOT_FOUND);
    TakeAll(Submit({1, 2}));
    for (uint64_t id = 3; id < 30; ++id) TakeAll(Submit({id, id + 1}));
    const uint64_t hits = bank_->Stats().hit_count;
    TakeAll(Submit({1, 2}));
    EXPECT_EQ(bank_->Stats().hit_count, hits + 2) << *policy;
    EXPECT_EQ(bank_->Stats().pinned_count, 2u);
    ASSERT_EQ(bank_->Pin(1, false, &error_), KL_OK);
    EXPECT_EQ(bank_->Pin(3, true, &error_), KL_OK);
  }
}

TEST_F(RecordBankTest, ShrinksWithoutReloadAndGrowsBack) {
  MakeFile(Shape::kUnalignedPieces);
  Open(10);
  TakeAll(Submit({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const kl_bank_ticket ticket = Submit({0, 1, 2});
  kl_lease leases[3];
  for (kl_lease& lease : leases) ASSERT_EQ(Next(ticket, &lease), KL_BANK_READY);
  const uint64_t whole = bank_->Stats().resident_bytes;
  uint64_t least = 0, each = 0;
  ASSERT_EQ(RecordBank::QueryBudget(options_, kind_, &least, &each, &error_), KL_OK);
  EXPECT_EQ(bank_->Resize(whole - 9 * each, &error_), KL_OUT_OF_BUDGET);
  EXPECT_EQ(bank_->Stats().slot_count, 10u);
  // Two slots: a third is leased, and goes when it is released.
  ASSERT_EQ(bank_->Resize(whole - 8 * each, &error_), KL_OK) << error_.message;
  EXPECT_EQ(bank_->Stats().slot_count, 2u) << "nobody can count on the third";
  EXPECT_EQ(bank_->Stats().resident_bytes, whole - 7 * each);
  for (const kl_lease& lease : leases) ExpectContent(lease);
  for (const kl_lease& lease : leases) bank_->Release(lease);
  EXPECT_EQ(bank_->Stats().slot_count, 2u);
  EXPECT_LE(bank_->Stats().resident_bytes, whole - 8 * each);
  TakeAll(Submit({20, 21}));
  ASSERT_EQ(bank_->Resize(UINT64_MAX, &error_), KL_OK);
  EXPECT_EQ(bank_->Stats().slot_count, 10u);
  TakeAll(Submit({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const uint64_t hits = bank_->Stats().hit_count;
  TakeAll(Submit({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(bank_->Stats().hit_count, hits + 10);
}

// What is given back lies together at the end: huge pages go back as a whole. The records that
// were there have moved.
TEST_F(RecordBankTest, ShrinkingMovesRecordsToTheFront) {
  for (const Shape shape :
       {Shape::kUnalignedPieces, Shape::kAligned, Shape::kInPlace, Shape::kUnpacked}) {
    MakeFile(shape);
    Open(10);
    TakeAll(Submit({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    const kl_bank_ticket held = Submit({9});
    kl_lease last;
    ASSERT_EQ(Next(held, &last), KL_BANK_READY);
    uint64_t least = 0, each = 0;
    ASSERT_EQ(RecordBank::QueryBudget(options_, kind_, &least, &each, &error_), KL_OK);
    ASSERT_EQ(bank_->Resize(bank_->Stats().resident_bytes - 5 * each, &error_), KL_OK);
    ExpectContent(last);  // leased: it stays where it is
    bank_->Release(last);
    bank_->Cancel(held);
    ASSERT_EQ(bank_->Stats().slot_count, 5u);
    // Five of the ten are still there, and still right, wherever they are now.
    const uint64_t reads = bank_->Stats().read_count;
    for (const uint64_t id : {9, 8, 7, 6, 5}) EXPECT_EQ(TakeAll(Submit({id})).size(), 1u);
    EXPECT_EQ(bank_->Stats().read_count, reads);
    // Everything once more: all slots are the first five, or four of them and the leased one.
    uint64_t beyond = 0;
    for (uint64_t id = 20; id < 40; ++id) {
      const kl_bank_ticket ticket = Submit({id});
      kl_lease lease;
      ASSERT_EQ(Next(ticket, &lease), KL_BANK_READY);
      beyond += lease.slot >= 5 && lease.slot != last.slot;
      bank_->Release(lease);
      bank_->Cancel(ticket);
    }
    EXPECT_EQ(beyond, 0u);
    ASSERT_EQ(bank_->Resize(UINT64_MAX, &error_), KL_OK);
    EXPECT_EQ(TakeAll(Submit({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})).size(), 10u);
    bank_.reset();
    unlink(path_.c_str());
  }
}

TEST_F(RecordBankTest, BudgetsBelowTheMinimumSayWhatWouldDo) {
  MakeFile(Shape::kUnpacked);
  options_.budget_bytes = 1000;
  kl_code code = RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_);
  ASSERT_EQ(code, KL_OUT_OF_BUDGET);
  const char* at = strstr(error_.message, "at least ");
  ASSERT_NE(at, nullptr) << error_.message;
  options_.budget_bytes = strtoull(at + strlen("at least "), nullptr, 10);
  ASSERT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_), KL_OK)
      << error_.message;
  EXPECT_EQ(bank_->Stats().slot_count, 2u);
  for (uint64_t id = 0; id < kRecords; ++id) EXPECT_EQ(TakeAll(Submit({id})).size(), 1u);
  --options_.budget_bytes;
  code = RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_);
  EXPECT_EQ(code, KL_OUT_OF_BUDGET);
}

TEST_F(RecordBankTest, TheQueriedBudgetIsEnoughForWhateverReader) {
  MakeFile(Shape::kUnpacked);
  for (const SystemOffers offers :
       {SystemOffers{true, true}, SystemOffers{false, true}, SystemOffers{false, false}}) {
    surroundings_.offers = offers;
    uint64_t least = 0, each = 0;
    ASSERT_EQ(RecordBank::QueryBudget(options_, kind_, &least, &each, &error_), KL_OK);
    options_.budget_bytes = least;
    ASSERT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_), KL_OK)
        << error_.message;
    EXPECT_EQ(TakeAll(Submit({3, 4})).size(), 2u);
  }
}

TEST_F(RecordBankTest, WrongDescriptionsAreRefused) {
  MakeFile(Shape::kUnalignedPieces);
  options_.budget_bytes = 1 << 24;
  const auto refused = [this](kl_code code, const char* text) {
    EXPECT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_), code);
    EXPECT_NE(std::string(error_.message).find(text), std::string::npos) << error_.message;
  };
  const auto pieces = pieces_;
  pieces_[4].file = 1;
  refused(KL_INVALID_ARGUMENT, "record 1, piece 1: file 1 of 1");
  pieces_ = pieces;
  pieces_[4].bytes = 0;
  refused(KL_INVALID_ARGUMENT, "record 1, piece 1");
  pieces_[4] = pieces[4];
  pieces_[4].offset = UINT64_MAX - 5;
  refused(KL_INVALID_ARGUMENT, "record 1, piece 1");
  pieces_[4] = pieces[4];
  pieces_[119].offset += 1;
  refused(KL_DATA_CORRUPT, "record 39 ends at byte");
  pieces_[119] = pieces[119];
  records_[2].piece_count = KL_BANK_MAX_PIECES + 1;
  refused(KL_INVALID_ARGUMENT, "record 2 has 9 pieces");
  records_[2].piece_count = 3;
  source_.slot_bytes -= 1;
  refused(KL_INVALID_ARGUMENT, "a slot only");
  source_.slot_bytes += 1;
  options_.policy = "random";
  refused(KL_INVALID_ARGUMENT, "no policy 'random'");
  options_.policy = nullptr;
  options_.reader = "mmap";
  refused(KL_INVALID_ARGUMENT, "no reader 'mmap'");
  options_.reader = nullptr;
  options_.min_lease_count = 0;
  refused(KL_INVALID_ARGUMENT, "min_lease_count");
  options_.min_lease_count = 2;
  paths_[0] = "/no/such/file";
  refused(KL_NOT_FOUND, "/no/such/file");
  paths_[0] = "/tmp";
  refused(KL_IO_ERROR, "no regular file");
  paths_[0] = path_.c_str();
  options_.struct_size = offsetof(kl_bank_options, source);
  refused(KL_INVALID_ARGUMENT, "source");
  options_.struct_size = sizeof options_;
  Open(3);
  kl_bank_ticket ticket = 0;
  const uint64_t id = kRecords;
  EXPECT_EQ(bank_->Submit(&id, 1, KL_SUBMIT_DEMAND, &ticket, &error_), KL_INVALID_ARGUMENT);
  EXPECT_EQ(bank_->Submit(&id, 0, 7, &ticket, &error_), KL_INVALID_ARGUMENT);
  EXPECT_TRUE(TakeAll(Submit({})).empty());
}

TEST_F(RecordBankTest, ReadersFallBackAndSayWhy) {
  MakeFile(Shape::kUnalignedPieces);
  options_.budget_bytes = 1 << 22;
  surroundings_.offers.uring = false;
  ASSERT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_), KL_OK);
  EXPECT_NE(bank_->Describe().find("reader pread"), std::string::npos) << bank_->Describe();
  EXPECT_NE(bank_->Describe().find("refuses io_uring"), std::string::npos) << bank_->Describe();
  surroundings_.offers.direct = false;
  ASSERT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_), KL_OK);
  EXPECT_NE(bank_->Describe().find("reader buffered"), std::string::npos) << bank_->Describe();
  EXPECT_NE(bank_->Describe().find("O_DIRECT"), std::string::npos) << bank_->Describe();
  EXPECT_EQ(TakeAll(Submit({1, 2})).size(), 2u);
  options_.reader = "pread";
  EXPECT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_),
            KL_UNSUPPORTED);
  EXPECT_NE(std::string(error_.message).find("reader pread does not work here"), std::string::npos);
}

// Several sessions on one bank, with guesses, cancelled tickets, pins and pressure.
TEST_F(RecordBankTest, ManyThreadsGetTheRightBytes) {
  MakeFile(Shape::kUnpacked);
  options_.thread_count = 2;
  Open(14);
  const uint64_t whole = bank_->Stats().resident_bytes;
  uint64_t least = 0, each = 0;
  ASSERT_EQ(RecordBank::QueryBudget(options_, kind_, &least, &each, &error_), KL_OK);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread, whole, each] {
      std::mt19937 random(thread);
      kl_error error = {sizeof error, KL_OK, {}};
      for (int round = 0; round < 150; ++round) {
        uint64_t ids[3];
        for (uint64_t& id : ids) id = random() % kRecords;
        kl_bank_ticket ticket = 0, guess = 0;
        ASSERT_EQ(bank_->Submit(ids, 3, KL_SUBMIT_DEMAND, &ticket, &error), KL_OK);
        const uint64_t next[2] = {random() % kRecords, random() % kRecords};
        ASSERT_EQ(bank_->Submit(next, 2, KL_SUBMIT_PREFETCH, &guess, &error), KL_OK);
        if (random() % 8 == 0) bank_->Cancel(guess);
        if (random() % 16 == 0) {
          bank_->Resize(whole - (random() % 6) * each, &error);
          bank_->Pin(random() % kRecords, random() % 2 == 0, &error);
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
}

}  // namespace
}  // namespace record_bank
