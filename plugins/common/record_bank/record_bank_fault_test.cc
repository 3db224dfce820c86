// What a bank does when storage fails: a clear error or a read that is tried again, never wrong
// bytes.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "plugins/common/record_bank/bank_fixture.h"

namespace record_bank {
namespace {

class FaultTest : public BankFixture {
 protected:
  void Overwrite(uint64_t offset, const std::string& bytes) {
    const int file = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
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
  static Fault Short(int64_t bytes) {
    Fault fault;
    fault.most_bytes = bytes;
    return fault;
  }
  static Fault Flip() {
    Fault fault;
    fault.flip_bit = true;
    return fault;
  }
};

TEST_F(FaultTest, AnIoErrorIsTriedAgainOnce) {
  MakeFile(Shape::kUnalignedPieces);
  Open(4);
  faults_->Script({Error(EIO)});
  EXPECT_EQ(TakeAll(Submit({5})), std::vector<uint64_t>{5});
  EXPECT_EQ(bank_->Stats().retry_count, 1u);
  EXPECT_EQ(bank_->Stats().failed_count, 0u);
}

TEST_F(FaultTest, AnIoErrorThatStaysFailsWithPlaceAndReason) {
  MakeFile(Shape::kAligned);
  Open(4);
  faults_->Always(Error(EIO));
  ExpectFailure(Submit({5}), KL_IO_ERROR, "record 5, offset 81920 of ");
  EXPECT_EQ(bank_->Stats().failed_count, 1u);
  faults_->Script({Error(EIO), Error(EIO)});
  ExpectFailure(Submit({6, 6}), KL_IO_ERROR, "Input/output error");
  // The disk is well again: so is the bank.
  faults_->Always(Fault());
  EXPECT_EQ(TakeAll(Submit({5, 6})).size(), 2u);
  EXPECT_EQ(bank_->Stats().leased_count, 0u);
}

TEST_F(FaultTest, EveryTicketThatWaitedForAFailedRecordFails) {
  MakeFile(Shape::kAligned);
  Open(4);
  faults_->Hold();
  const kl_bank_ticket first = Submit({5, 6}), second = Submit({5}), third = Submit({6});
  faults_->Script({Error(EIO), Fault(), Error(EIO)});  // of 5, 6, and 5 again
  faults_->LetAll();
  ExpectFailure(first, KL_IO_ERROR, "record 5");
  ExpectFailure(second, KL_IO_ERROR, "record 5");
  EXPECT_EQ(TakeAll(third), std::vector<uint64_t>{6});
}

TEST_F(FaultTest, AFailedPrefetchHarmsNobody) {
  MakeFile(Shape::kAligned);
  Open(4);
  faults_->Script({Error(EIO), Error(EIO)});
  kl_lease lease;
  EXPECT_EQ(Next(Submit({5}, KL_SUBMIT_PREFETCH), &lease), KL_BANK_DONE);
  EXPECT_EQ(bank_->Stats().failed_count, 1u);
  EXPECT_EQ(TakeAll(Submit({5})), std::vector<uint64_t>{5});
}

TEST_F(FaultTest, ShortReadsGoOnWhereTheyStopped) {
  for (const Shape shape : {Shape::kUnalignedPieces, Shape::kAligned, Shape::kInPlace}) {
    MakeFile(shape);
    Open(4);
    faults_->Script({Short(4096), Short(4097), Short(511), Short(8191)});
    EXPECT_EQ(TakeAll(Submit({5, 6})).size(), 2u);
    EXPECT_GE(bank_->Stats().retry_count, 3u);
    bank_.reset();
    unlink(path_.c_str());
  }
}

TEST_F(FaultTest, StorageThatDeliversNothingWholeEnds) {
  MakeFile(Shape::kAligned);
  Open(4);
  faults_->Always(Short(100));
  ExpectFailure(Submit({5}), KL_IO_ERROR, "less than a block");
}

TEST_F(FaultTest, EagainIsTriedUntilItPasses) {
  MakeFile(Shape::kUnalignedPieces);
  Open(4);
  faults_->Script({Error(EAGAIN), Error(EINTR), Error(EAGAIN), Error(EAGAIN), Error(EAGAIN)});
  EXPECT_EQ(TakeAll(Submit({5})), std::vector<uint64_t>{5});
  EXPECT_EQ(bank_->Stats().retry_count, 5u);
  faults_->Always(Error(EAGAIN));
  ExpectFailure(Submit({6}), KL_IO_ERROR, "EAGAIN");
}

TEST_F(FaultTest, AWrongChecksumIsReadAgainOnceThenFails) {
  for (const Shape shape :
       {Shape::kUnalignedPieces, Shape::kAligned, Shape::kInPlace, Shape::kUnpacked}) {
    MakeFile(shape);
    Open(4);
    faults_->Script({Flip()});
    EXPECT_EQ(TakeAll(Submit({5})), std::vector<uint64_t>{5});
    EXPECT_EQ(bank_->Stats().checksum_failure_count, 1u);
    records_[7].checksum ^= 1;
    ExpectFailure(Submit({7}), KL_DATA_CORRUPT, "checksum");
    EXPECT_EQ(bank_->Stats().checksum_failure_count, 3u);
    bank_.reset();
    unlink(path_.c_str());
  }
}

TEST_F(FaultTest, VerifyingOnceAndNever) {
  MakeFile(Shape::kAligned);
  options_.verify = KL_BANK_VERIFY_FIRST;
  Open(2);
  const auto read = [this](uint64_t id) {
    const kl_bank_ticket ticket = Submit({id});
    kl_lease lease;
    const kl_bank_answer answer = Next(ticket, &lease);
    if (answer == KL_BANK_READY) bank_->Release(lease);
    bank_->Cancel(ticket);
    return answer;
  };
  records_[8].checksum ^= 1;
  EXPECT_EQ(read(8), KL_BANK_FAILED);
  EXPECT_EQ(read(1), KL_BANK_READY);
  records_[1].checksum ^= 1;  // not looked at any more
  EXPECT_EQ(read(2), KL_BANK_READY);
  EXPECT_EQ(read(3), KL_BANK_READY);
  EXPECT_EQ(read(4), KL_BANK_READY);
  EXPECT_EQ(read(1), KL_BANK_READY);
  options_.verify = KL_BANK_VERIFY_NEVER;
  bank_.reset();
  Open(2);
  EXPECT_EQ(read(8), KL_BANK_READY);
}

TEST_F(FaultTest, ATruncatedFileFailsAndSaysSo) {
  MakeFile(Shape::kUnalignedPieces, /*checksums=*/false);
  Open(4);
  ASSERT_EQ(truncate(path_.c_str(), 500000), 0);
  ExpectFailure(Submit({30}), KL_DATA_CORRUPT, "has 500000 bytes, and had");
  // Also what is still there: nobody knows what else happened to the file.
  ExpectFailure(Submit({1}), KL_DATA_CORRUPT, "load the model again");
}

TEST_F(FaultTest, AFileThatIsWrittenToFailsUnlessChecksumsProveTheBytes) {
  MakeFile(Shape::kAligned, /*checksums=*/false);
  Open(4);
  usleep(20000);  // the clock that files are stamped with has ticks
  Overwrite(pieces_[3].offset, "other");
  ExpectFailure(Submit({3}), KL_DATA_CORRUPT, "was written to since it was opened");
  bank_.reset();
  unlink(path_.c_str());

  MakeFile(Shape::kAligned);
  options_.verify = KL_BANK_VERIFY_FIRST;
  Open(4);
  EXPECT_EQ(TakeAll(Submit({3})).size(), 1u);
  usleep(20000);
  Overwrite(pieces_[3].offset, "other");
  EXPECT_EQ(TakeAll(Submit({4, 5, 6, 7})).size(), 4u);
  ExpectFailure(Submit({3}), KL_DATA_CORRUPT, "checksum");
}

TEST_F(FaultTest, AFileThatIsReplacedIsReadOn) {
  MakeFile(Shape::kAligned, /*checksums=*/false);
  Open(4);
  ASSERT_EQ(unlink(path_.c_str()), 0);
  FILE* other = fopen(path_.c_str(), "wb");
  fputs("another file", other);
  fclose(other);
  EXPECT_EQ(TakeAll(Submit({1, 2})).size(), 2u);
  faults_->Always(Error(EIO));
  ExpectFailure(Submit({3}), KL_IO_ERROR, "another file has taken its place");
}

TEST_F(FaultTest, FailuresOfUnpackingFailTheTicket) {
  MakeFile(Shape::kUnpacked);
  Open(4);
  refused_id_ = 5;
  ExpectFailure(Submit({4, 5}), KL_DATA_CORRUPT, "cannot unpack 5");
  EXPECT_EQ(TakeAll(Submit({4})), std::vector<uint64_t>{4});
}

TEST_F(FaultTest, ADiskThatHangsKeepsNobodyFromCancellingOrUsingWhatIsThere) {
  MakeFile(Shape::kUnalignedPieces);
  Open(6);
  TakeAll(Submit({1}));
  faults_->Hold();
  const kl_bank_ticket hanging = Submit({2, 3});
  const kl_bank_ticket guess = Submit({4}, KL_SUBMIT_PREFETCH);
  kl_lease lease;
  EXPECT_EQ(Next(hanging, &lease, 2'000'000), KL_BANK_PENDING);
  EXPECT_EQ(TakeAll(Submit({1})), std::vector<uint64_t>{1});
  bank_->Cancel(hanging);
  bank_->Cancel(guess);
  EXPECT_EQ(Next(hanging, &lease, 0), KL_BANK_FAILED);
  faults_->LetAll();
  EXPECT_EQ(TakeAll(Submit({2, 3, 4})).size(), 3u);
}

TEST_F(FaultTest, ClosingWithReadsUnderWayWaitsForThem) {
  for (int round = 0; round < 20; ++round) {
    MakeFile(round % 2 ? Shape::kUnpacked : Shape::kInPlace);
    Open(8);
    faults_->Hold();
    Submit({1, 2, 3, 4, 5});
    Submit({6, 7}, KL_SUBMIT_PREFETCH);
    std::thread disk([this, round] {
      usleep(static_cast<unsigned>(round % 5) * 500);
      faults_->LetAll();
    });
    if (round % 3 == 0) faults_->Script({Error(EIO), Error(EIO), Flip(), Short(4096)});
    disk.join();
    bank_.reset();
    unlink(path_.c_str());
  }
}

TEST_F(FaultTest, RandomFaultsNeverGiveWrongBytes) {
  MakeFile(Shape::kUnalignedPieces);
  Open(6);
  TakeUnderRandomFaults(kRecords, 6);
}

}  // namespace
}  // namespace record_bank
