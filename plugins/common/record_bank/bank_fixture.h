// A file with records of known bytes, and a bank over it. Test only.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_FIXTURE_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_FIXTURE_H_

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/abi/bank.h"
#include "core/abi/checksum.h"
#include "gtest/gtest.h"
#include "plugins/common/record_bank/bank_user.h"
#include "plugins/common/record_bank/fault_reader.h"
#include "plugins/common/record_bank/record_bank.h"

namespace record_bank {

// How the records lie in the file and how they get into slots.
enum class Shape { kUnalignedPieces, kAligned, kInPlace, kUnpacked };

// Byte `position` of record `id`: differs between neighbours and between records.
inline uint8_t ByteOf(uint64_t id, uint64_t position) {
  return static_cast<uint8_t>(id * 89 + position * 7 + position / 251);
}

class BankFixture : public BankUser {
 protected:
  static constexpr uint64_t kRecords = 40;
  static constexpr uint64_t kRecordBytes = 3 * 5000;

  ~BankFixture() override {
    bank_.reset();
    if (!path_.empty()) unlink(path_.c_str());
  }

  // Writes the file and describes it. Three pieces a record, apart from each other as the tensors
  // of a model file are, unless kAligned: then one piece at a multiple of 4096.
  void MakeFile(Shape shape, bool checksums = true) {
    static std::atomic<int> serial{0};
    shape_ = shape;
    path_ = testing::TempDir() + "/record_bank_" + std::to_string(getpid()) + "_" +
            std::to_string(serial++);
    paths_[0] = path_.c_str();
    const uint32_t count = shape == Shape::kAligned ? 1 : 3;
    const uint64_t piece_bytes = kRecordBytes / count;
    const uint64_t apart = shape == Shape::kAligned ? 4 * 4096 : piece_bytes;
    pieces_.assign(kRecords * count, {});
    records_.assign(kRecords, {});
    const uint64_t first = shape == Shape::kAligned ? 0 : 32;
    std::vector<uint8_t> content(first + count * kRecords * apart, 0xAA);
    for (uint64_t id = 0; id < kRecords; ++id) {
      uint64_t checksum = 0;
      for (uint32_t p = 0; p < count; ++p) {
        kl_bank_piece& piece = pieces_[id * count + p];
        piece = {0, 0, first + (p * kRecords + id) * apart, piece_bytes};
        uint8_t* to = content.data() + piece.offset;
        for (uint64_t i = 0; i < piece_bytes; ++i) to[i] = ByteOf(id, p * piece_bytes + i);
        checksum = kl_checksum64(to, piece_bytes, checksum);
      }
      records_[id] = {&pieces_[id * count], count, checksums ? 1u : 0u, checksum};
    }
    FILE* file = fopen(path_.c_str(), "wb");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(fwrite(content.data(), 1, content.size(), file), content.size());
    fclose(file);

    source_ = {};
    source_.struct_size = sizeof source_;
    source_.path_count = 1;
    source_.paths = paths_;
    source_.records = records_.data();
    source_.record_count = kRecords;
    source_.slot_bytes = kRecordBytes;
    source_.in_place = shape == Shape::kInPlace;
    if (shape == Shape::kUnpacked) {
      source_.unpack = &Unpack;
      source_.context = this;
    }
    options_ = {};
    options_.struct_size = sizeof options_;
    options_.min_lease_count = 2;
    options_.source = &source_;
    options_.queue_depth = 4;
  }

  // The budget that leaves so many slots: a bank that holds everything says what it takes.
  uint64_t BudgetFor(uint64_t slots) {
    uint64_t least = 0, each = 0;
    EXPECT_EQ(RecordBank::QueryBudget(options_, kind_, &least, &each, &error_), KL_OK)
        << error_.message;
    options_.budget_bytes = 1 << 24;
    std::unique_ptr<RecordBank> bank;
    if (RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank, &error_) != KL_OK) {
      ADD_FAILURE() << error_.message;
      return 0;
    }
    const kl_bank_stats stats = bank->Stats();
    EXPECT_EQ(stats.slot_count, kRecords);
    return stats.resident_bytes - (kRecords - slots) * each;
  }

  void Open(uint64_t slots) {
    surroundings_.wrap = nullptr;
    options_.budget_bytes = BudgetFor(slots);
    surroundings_.wrap = [this](std::unique_ptr<Reader> inner) {
      auto reader = std::make_unique<FaultReader>(std::move(inner));
      faults_ = reader.get();
      return reader;
    };
    ASSERT_EQ(RecordBank::Open(nullptr, options_, kind_, surroundings_, &bank_, &error_), KL_OK)
        << error_.message;
    ASSERT_EQ(bank_->Stats().slot_count, slots);
    ASSERT_LE(bank_->Stats().resident_bytes, options_.budget_bytes);
  }

  void ExpectContent(const kl_lease& lease) override {
    ASSERT_NE(lease.data, nullptr);
    ASSERT_EQ(lease.bytes, kRecordBytes);
    if (shape_ != Shape::kInPlace) {
      ASSERT_EQ(reinterpret_cast<uintptr_t>(lease.data) % 64, 0u);
    }
    ASSERT_EQ(lease.pieces == nullptr, shape_ == Shape::kUnpacked);
    const uint32_t count = shape_ == Shape::kUnpacked ? 1 : records_[lease.id].piece_count;
    const uint64_t bytes = kRecordBytes / count;
    for (uint32_t p = 0; p < count; ++p) {
      const auto* piece = static_cast<const uint8_t*>(lease.pieces ? lease.pieces[p] : lease.data);
      for (uint64_t i = 0; i < bytes; ++i) {
        const uint8_t expected =
            ByteOf(lease.id, p * bytes + i) ^ (shape_ == Shape::kUnpacked ? 0xFF : 0);
        ASSERT_EQ(piece[i], expected) << "record " << lease.id << " piece " << p << " byte " << i;
      }
    }
  }
  // Takes everything of a ticket, checks the bytes, gives all back. Returns the ids in order.
  std::vector<uint64_t> TakeAll(kl_bank_ticket ticket) {
    std::vector<uint64_t> ids;
    for (;;) {
      kl_lease lease;
      const kl_bank_answer answer = Next(ticket, &lease);
      if (answer != KL_BANK_READY) {
        EXPECT_EQ(answer, KL_BANK_DONE) << error_.message;
        return ids;
      }
      ExpectContent(lease);
      ids.push_back(lease.id);
      bank_->Release(lease);
    }
  }
  static kl_code Unpack(void* context, uint64_t id, const void* const* pieces, void* slot,
                        kl_error* error) {
    auto* self = static_cast<BankFixture*>(context);
    if (self->refused_id_ == id) {
      snprintf(error->message, sizeof error->message, "cannot unpack %d", static_cast<int>(id));
      return error->code = KL_DATA_CORRUPT;
    }
    auto* to = static_cast<uint8_t*>(slot);
    for (uint32_t p = 0; p < 3; ++p) {
      const auto* from = static_cast<const uint8_t*>(pieces[p]);
      for (uint64_t i = 0; i < kRecordBytes / 3; ++i) *to++ = from[i] ^ 0xFF;
    }
    return KL_OK;
  }

  Shape shape_ = Shape::kAligned;
  std::string path_;
  const char* paths_[1];
  std::vector<kl_bank_piece> pieces_;
  std::vector<kl_bank_record> records_;
  kl_bank_source source_ = {};
  kl_bank_options options_ = {};
  BankKind kind_;
  Surroundings surroundings_;
  std::atomic<uint64_t> refused_id_{UINT64_MAX};
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_FIXTURE_H_
