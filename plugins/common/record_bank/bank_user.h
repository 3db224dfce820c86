// What tests do with an open bank over storage that fails on demand. Test only.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_USER_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_USER_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/abi/bank.h"
#include "gtest/gtest.h"
#include "plugins/common/record_bank/fault_reader.h"
#include "plugins/common/record_bank/record_bank.h"

namespace record_bank {

// A fixture opens bank_, knows what its records hold, and closes bank_ before what it was opened
// with.
class BankUser : public testing::Test {
 protected:
  static constexpr int64_t kLongNs = 20'000'000'000;

  // The bytes of a lease are those of its record.
  virtual void ExpectContent(const kl_lease& lease) = 0;

  kl_bank_ticket Submit(const std::vector<uint64_t>& ids, uint32_t kind = KL_SUBMIT_DEMAND) {
    kl_bank_ticket ticket = 0;
    EXPECT_EQ(bank_->Submit(ids.data(), static_cast<uint32_t>(ids.size()), kind, &ticket, &error_),
              KL_OK)
        << error_.message;
    EXPECT_NE(ticket, 0u);
    return ticket;
  }
  kl_bank_answer Next(kl_bank_ticket ticket, kl_lease* lease, int64_t wait_ns = kLongNs) {
    *lease = {};
    lease->struct_size = sizeof *lease;
    return bank_->NextReady(ticket, wait_ns, lease, &error_);
  }
  void ExpectFailure(kl_bank_ticket ticket, kl_code code, const std::string& text) {
    kl_lease lease;
    kl_bank_answer answer;
    while ((answer = Next(ticket, &lease)) == KL_BANK_READY) bank_->Release(lease);
    ASSERT_EQ(answer, KL_BANK_FAILED);
    EXPECT_EQ(error_.code, code) << error_.message;
    EXPECT_NE(std::string(error_.message).find(text), std::string::npos) << error_.message;
    // The ticket is over; error_ still says why.
    kl_error over = {sizeof over, KL_OK, {}};
    EXPECT_EQ(bank_->NextReady(ticket, kLongNs, &lease, &over), KL_BANK_FAILED);
    EXPECT_EQ(over.code, KL_INVALID_ARGUMENT);
  }

  // Takes, checks and gives back what a ticket hands out while other threads hold slots; `count` in
  // all.
  void TakeAmongOthers(kl_bank_ticket ticket, int count, kl_error* error) {
    int taken = 0;
    for (;;) {
      kl_lease lease = {};
      lease.struct_size = sizeof lease;
      const kl_bank_answer answer = bank_->NextReady(ticket, 10'000'000, &lease, error);
      if (answer == KL_BANK_READY) {
        ExpectContent(lease);
        bank_->Release(lease);
        ++taken;
      } else if (answer == KL_BANK_EXHAUSTED) {
        std::this_thread::yield();
      } else if (answer != KL_BANK_PENDING) {
        ASSERT_EQ(answer, KL_BANK_DONE) << error->message;
        break;
      }
    }
    ASSERT_EQ(taken, count);
  }

  // Pairs of records under up to most_faults - 1 random faults at a time: right bytes or a failure,
  // never wrong bytes.
  void TakeUnderRandomFaults(uint64_t record_count, uint64_t most_faults) {
    uint64_t state = 1;
    const auto random = [&state](uint64_t below) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      return (state >> 33) % below;
    };
    int taken = 0, failed = 0;
    for (int round = 0; round < 400; ++round) {
      std::vector<Fault> faults(random(most_faults));
      for (Fault& fault : faults) {
        const uint64_t kind = random(5);
        if (kind == 0) fault.error = random(2) ? EIO : EAGAIN;
        if (kind == 1) fault.most_bytes = static_cast<int64_t>(random(9000));
        if (kind == 2) fault.flip_bit = true;
      }
      faults_->Script(faults);
      const kl_bank_ticket ticket = Submit({random(record_count), random(record_count)});
      kl_lease lease;
      kl_bank_answer answer;
      while ((answer = Next(ticket, &lease)) == KL_BANK_READY) {
        ExpectContent(lease);
        bank_->Release(lease);
        ++taken;
      }
      failed += answer == KL_BANK_FAILED;
    }
    EXPECT_GT(taken, 400);
    EXPECT_GT(failed, 0);
    EXPECT_EQ(bank_->Stats().leased_count, 0u);
  }

  kl_error error_ = {sizeof error_, KL_OK, {}};
  FaultReader* faults_ = nullptr;  // the bank's
  std::unique_ptr<RecordBank> bank_;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_USER_H_
