#include "core/memory/bank_client.h"

#include <set>

#include "core/base/status.h"
#include "core/memory/array_bank.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

class BankClientTest : public testing::Test {
 protected:
  void Open(uint64_t slots) {
    BankOptions options;
    options.budget_bytes = slots * 64;
    options.min_lease_count = 2;
    auto bank = Bank::Open(ArrayBank(), nullptr, options);
    ASSERT_TRUE(bank.ok()) << bank.status();
    bank_ = *std::move(bank);
  }
  BankTicket Submit(const std::vector<uint64_t>& ids) {
    auto ticket = bank_->Submit(ids.data(), static_cast<uint32_t>(ids.size()));
    EXPECT_TRUE(ticket.ok()) << ticket.status();
    return *std::move(ticket);
  }
  void TearDown() override {
    EXPECT_EQ(ArrayBankOpenLeases(), 0);
    EXPECT_EQ(ArrayBankOpenTickets(), 0);
    bank_.reset();
    EXPECT_EQ(ArrayBankOpenHandles(), 0);
  }

  std::unique_ptr<Bank> bank_;
};

TEST_F(BankClientTest, EveryRecordOfATicketIsHandedOutOnce) {
  Open(8);
  BankTicket ticket = Submit({5, 7, 300});
  BankLease lease;
  EXPECT_EQ(ticket.Next(0, &lease), KL_BANK_PENDING);
  EXPECT_TRUE(lease.empty());
  std::set<uint64_t> ids;
  while (ticket.Next(1000, &lease) == KL_BANK_READY) {
    ids.insert(lease.id());
    ASSERT_EQ(lease.bytes(), 64u);
    EXPECT_EQ(lease.origin(), KL_BANK_ORIGIN_UNKNOWN);  // this bank is of an older version
    EXPECT_EQ(static_cast<const uint8_t*>(lease.data())[63], lease.id() % 256);
  }
  EXPECT_EQ(ids, (std::set<uint64_t>{5, 7, 300}));
  EXPECT_EQ(ticket.Next(0, &lease), KL_BANK_DONE);
  EXPECT_EQ(ArrayBankOpenTickets(), 0);
}

TEST_F(BankClientTest, LeasesKeepTheirSlotUntilTheyAreDestroyed) {
  Open(2);
  BankTicket ticket = Submit({1, 2, 3});
  BankLease first, second, third;
  EXPECT_EQ(ticket.Next(0, &first), KL_BANK_PENDING);
  ASSERT_EQ(ticket.Next(0, &first), KL_BANK_READY);
  ASSERT_EQ(ticket.Next(0, &second), KL_BANK_READY);
  EXPECT_EQ(ticket.Next(0, &third), KL_BANK_EXHAUSTED);
  BankLease moved = std::move(first);
  EXPECT_EQ(ArrayBankOpenLeases(), 2);
  EXPECT_EQ(moved.id(), 1u);
  EXPECT_EQ(ticket.Next(0, &third), KL_BANK_EXHAUSTED);
  moved.Release();
  ASSERT_EQ(ticket.Next(0, &third), KL_BANK_READY);
  EXPECT_EQ(third.id(), 3u);
}

TEST_F(BankClientTest, AnUnfinishedTicketIsCancelled) {
  Open(2);
  {
    BankTicket ticket = Submit({1, 2, 3});
    BankTicket moved = std::move(ticket);
    EXPECT_EQ(ArrayBankOpenTickets(), 1);
  }
  EXPECT_EQ(ArrayBankOpenTickets(), 0);
}

TEST_F(BankClientTest, AFailureEndsTheTicketAndSaysWhy) {
  Open(4);
  BankTicket ticket = Submit({1, 666});
  BankLease lease;
  EXPECT_EQ(ticket.Next(0, &lease), KL_BANK_PENDING);
  EXPECT_EQ(ticket.Next(0, &lease), KL_BANK_READY);
  EXPECT_EQ(ticket.Next(0, &lease), KL_BANK_FAILED);
  EXPECT_EQ(CodeFromStatus(ticket.status()), KL_IO_ERROR);
  EXPECT_NE(ticket.status().message().find("bank array_bank: record 666"), absl::string_view::npos);
  EXPECT_EQ(ticket.Next(0, &lease), KL_BANK_FAILED);
}

TEST_F(BankClientTest, ErrorsOfTheBankArePassedOn) {
  BankOptions options;
  options.budget_bytes = 64;
  options.min_lease_count = 4;
  EXPECT_EQ(CodeFromStatus(Bank::Open(ArrayBank(), nullptr, options).status()), KL_OUT_OF_BUDGET);
  Open(4);
  const uint64_t missing = 4000;
  EXPECT_EQ(CodeFromStatus(bank_->Submit(&missing, 1).status()), KL_INVALID_ARGUMENT);
  EXPECT_EQ(CodeFromStatus(bank_->Pin(4000, true)), KL_NOT_FOUND);
}

TEST_F(BankClientTest, PrefetchPinAndStats) {
  Open(4);
  const uint64_t ids[] = {1, 2};
  EXPECT_TRUE(bank_->Prefetch(ids, 2).ok());
  EXPECT_TRUE(bank_->Pin(1, true).ok());
  EXPECT_EQ(bank_->Stats().prefetch_count, 2u);
  EXPECT_EQ(bank_->Stats().slot_count, 4u);
  EXPECT_EQ(ArrayBankOpenTickets(), 0);
}

}  // namespace
}  // namespace kinglet
