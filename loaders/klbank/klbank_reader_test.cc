#include "loaders/klbank/klbank_reader.h"

#include <unistd.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "loaders/klbank/klbank_test_builder.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

class KlbankReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = folder_.path() + "/small.klbank";
    const absl::Status written = WriteKlbank(path, SmallKlbankHead());
    ASSERT_TRUE(written.ok()) << written;
    bank_ = KlbankContents(path);
    layout_ = *MemoryLayout::Create(SmallKlbankHead().shape);
  }

  static absl::Status Read(const std::string& bytes) {
    const MemoryFile file(bytes);
    return ReadKlbank(file.path()).status();
  }

  // Refused as damaged, with the byte where it is wrong.
  static void ExpectDamaged(const std::string& bytes, uint64_t offset, const std::string& what) {
    const absl::Status status = Read(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what << ": " << status;
    const std::string message(status.message());
    EXPECT_NE(message.find("at byte " + std::to_string(offset) + ": expected "), std::string::npos)
        << what << ": " << message;
    EXPECT_NE(message.find(", found "), std::string::npos) << what << ": " << message;
  }

  TempFolder folder_;
  std::string bank_;
  MemoryLayout layout_;
};

TEST_F(KlbankReaderTest, ReadsWhatTheWriterWrote) {
  const MemoryFile file(bank_);
  const auto bank = ReadKlbank(file.path());
  ASSERT_TRUE(bank.ok()) << bank.status();
  const MemoryShape& shape = (*bank)->layout.shape();
  EXPECT_EQ(shape.branching, 2u);
  EXPECT_EQ(shape.type, KL_TYPE_Q8_0);
  EXPECT_EQ(shape.activation, MemoryActivation::kRelu);
  EXPECT_EQ((*bank)->name, "capitals");
  EXPECT_EQ((*bank)->encoder_file, "encoder.gguf");
  EXPECT_EQ((*bank)->model_fingerprint, 0x1111u);
  EXPECT_EQ((*bank)->encoder_fingerprint, 0x2222u);
  EXPECT_TRUE((*bank)->has_generic);
  EXPECT_EQ((*bank)->file_bytes, bank_.size());
  const std::vector<float> centroids = KlbankCentroids(layout_);
  EXPECT_EQ(memcmp((*bank)->centroids, centroids.data(), layout_.CentroidBytes()), 0);
  for (uint32_t level = 1; level <= 2; ++level) {
    const uint64_t bytes = layout_.BlockBytes(level);
    for (uint64_t id = 0; id < layout_.BlockCount(level); ++id) {
      const std::string block = KlbankBlock(bytes, level, id);
      const MemoryChoice choice = (*bank)->ChooseBlock(level, id);
      ASSERT_EQ(choice.kind, MemoryChoice::kBlock);
      EXPECT_EQ(bank_.substr(choice.offset, choice.bytes), block);
      EXPECT_EQ(choice.checksum, kl_checksum64(block.data(), bytes, 0));
    }
    const MemoryChoice generic = (*bank)->ChooseGeneric(level);
    EXPECT_EQ(bank_.substr(generic.offset, generic.bytes), KlbankBlock(bytes, level, 99));
  }
}

// What stands between regions is nobody's, and an interrupted edit may leave more at the end.
TEST_F(KlbankReaderTest, MustAccept) {
  EXPECT_TRUE(Read(bank_ + std::string(5000, 'x')).ok());
  std::string padding = bank_;
  padding[1000] = 'x';
  EXPECT_TRUE(Read(padding).ok());
  KlbankHeader header = KlbankHeaderOf(bank_);
  header.model_fingerprint = header.encoder_fingerprint = 0;
  memset(header.name, 0, sizeof header.name);
  memset(header.encoder_file, 0, sizeof header.encoder_file);
  EXPECT_TRUE(Read(WithKlbankHeader(bank_, header)).ok());
  memcpy(header.name, "Fläche", 7);
  EXPECT_TRUE(Read(WithKlbankHeader(bank_, header)).ok());
  // Regions in another order.
  header = KlbankHeaderOf(bank_);
  std::swap(header.centroids_offset, header.table_offset);
  std::string swapped = bank_;
  swapped.replace(header.centroids_offset, 4096, bank_, header.table_offset, 4096);
  swapped.replace(header.table_offset, 4096, bank_, header.centroids_offset, 4096);
  EXPECT_TRUE(Read(WithKlbankHeader(swapped, header)).ok());
}

TEST_F(KlbankReaderTest, EveryBitOfTheHeaderIsCovered) {
  for (size_t byte = 0; byte < sizeof(KlbankHeader); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bank_;
      flipped[byte] = static_cast<char>(flipped[byte] ^ 1 << bit);
      EXPECT_FALSE(Read(flipped).ok()) << "byte " << byte << " bit " << bit;
    }
  }
}

// Fields that are wrong though the checksum is right.
TEST_F(KlbankReaderTest, EveryFieldIsCheckedBehindTheChecksum) {
  struct Case {
    const char* what;
    uint64_t offset;
    std::function<void(KlbankHeader*)> spoil;
  };
  constexpr uint64_t kHuge = uint64_t{1} << 63;
  const Case kCases[] = {
      {"magic", 0, [](KlbankHeader* h) { h->magic[6] = '\n'; }},
      {"header_bytes", 12, [](KlbankHeader* h) { h->header_bytes = 256; }},
      {"branching 0", 16, [](KlbankHeader* h) { h->branching = 0; }},
      {"branching 65", 16, [](KlbankHeader* h) { h->branching = 65; }},
      {"depth 0", 20, [](KlbankHeader* h) { h->depth = 0; }},
      {"depth 5", 20, [](KlbankHeader* h) { h->depth = 5; }},
      {"depth 1 leaves rows of level 2", 44, [](KlbankHeader* h) { h->depth = 1; }},
      {"no layers", 24, [](KlbankHeader* h) { h->layer_count = 0; }},
      {"layers", 24, [](KlbankHeader* h) { h->layer_count = UINT32_MAX; }},
      {"dim 0", 28, [](KlbankHeader* h) { h->dim = 0; }},
      {"dim 33", 28, [](KlbankHeader* h) { h->dim = 33; }},
      {"dim 2^31", 28, [](KlbankHeader* h) { h->dim = 1u << 31; }},
      {"type q4_k", 32, [](KlbankHeader* h) { h->type = 12; }},
      {"type -1", 32, [](KlbankHeader* h) { h->type = UINT32_MAX; }},
      {"activation 0", 36, [](KlbankHeader* h) { h->activation = 0; }},
      {"activation 3", 36, [](KlbankHeader* h) { h->activation = 3; }},
      {"no rows at all", 40, [](KlbankHeader* h) { h->rows[0] = h->rows[1] = 0; }},
      {"rows of level 3", 48, [](KlbankHeader* h) { h->rows[2] = 1; }},
      {"more rows than the stride holds", 144, [](KlbankHeader* h) { h->rows[0] = 2000; }},
      {"rows beyond 64 bits", 40,
       [](KlbankHeader* h) {
         h->rows[0] = UINT32_MAX;
         h->dim = 1 << 20;
         h->layer_count = 1024;
         h->branching = 64;
       }},
      {"encoder_width 0", 56, [](KlbankHeader* h) { h->encoder_width = 0; }},
      {"encoder_width 2^31", 56, [](KlbankHeader* h) { h->encoder_width = 1u << 31; }},
      {"encoder_width that runs into the table", 96,
       [](KlbankHeader* h) { h->encoder_width = 1000; }},
      {"flags", 60, [](KlbankHeader* h) { h->flags |= 2; }},
      {"no generic blocks, with an offset", 176, [](KlbankHeader* h) { h->flags = 0; }},
      {"centroids unaligned", 80, [](KlbankHeader* h) { h->centroids_offset += 4; }},
      {"centroids at 0", 80, [](KlbankHeader* h) { h->centroids_offset = 0; }},
      {"centroids beyond the end", 80,
       [](KlbankHeader* h) { h->centroids_offset = h->file_bytes; }},
      {"centroids wrap", 80, [](KlbankHeader* h) { h->centroids_offset = ~uint64_t{4095}; }},
      {"centroids over the table", 96,
       [](KlbankHeader* h) { h->centroids_offset = h->table_offset; }},
      {"centroids_checksum", 4096, [](KlbankHeader* h) { h->centroids_checksum ^= 1; }},
      {"table unaligned", 96, [](KlbankHeader* h) { h->table_offset += 16; }},
      {"table beyond the end", 96, [](KlbankHeader* h) { h->table_offset = kHuge; }},
      {"table over level 1", 112,
       [](KlbankHeader* h) { h->table_offset = h->level_offset[0] + 4096; }},
      {"table_checksum", 8192, [](KlbankHeader* h) { h->table_checksum ^= 1; }},
      {"level 1 unaligned", 112, [](KlbankHeader* h) { h->level_offset[0] += 512; }},
      {"level 1 over level 2", 120,
       [](KlbankHeader* h) { h->level_offset[0] = h->level_offset[1]; }},
      {"level 2 at the end", 120,
       [](KlbankHeader* h) { h->level_offset[1] = h->file_bytes - 4096; }},
      {"level 3", 128, [](KlbankHeader* h) { h->level_offset[2] = 4096; }},
      {"level 4", 136, [](KlbankHeader* h) { h->level_offset[3] = 4096; }},
      {"stride 0", 144, [](KlbankHeader* h) { h->level_stride[0] = 0; }},
      {"stride 8192", 152, [](KlbankHeader* h) { h->level_stride[1] = 8192; }},
      {"stride of level 3", 160, [](KlbankHeader* h) { h->level_stride[2] = 4096; }},
      {"stride of level 4", 168, [](KlbankHeader* h) { h->level_stride[3] = kHuge; }},
      {"generic unaligned", 176, [](KlbankHeader* h) { h->generic_offset += 1; }},
      {"generic at 0", 176, [](KlbankHeader* h) { h->generic_offset = 0; }},
      {"generic wraps", 176, [](KlbankHeader* h) { h->generic_offset = ~uint64_t{4095}; }},
      {"file_bytes more than there are", 184, [](KlbankHeader* h) { h->file_bytes += 1; }},
      {"file_bytes too small for the last region", 176,
       [](KlbankHeader* h) { h->file_bytes -= 4096; }},
      {"file_bytes 0", 184, [](KlbankHeader* h) { h->file_bytes = 0; }},
      {"name without an end", 192, [](KlbankHeader* h) { memset(h->name, 'x', sizeof h->name); }},
      {"name not UTF-8", 192, [](KlbankHeader* h) { h->name[0] = '\xff'; }},
      {"name with an escape", 192, [](KlbankHeader* h) { h->name[0] = '\x1b'; }},
      {"bytes after the name", 192, [](KlbankHeader* h) { h->name[63] = 'x', h->name[62] = 0; }},
      {"encoder file without an end", 256,
       [](KlbankHeader* h) { memset(h->encoder_file, 'x', 128); }},
      {"encoder in another folder", 256,
       [](KlbankHeader* h) { memcpy(h->encoder_file, "../../x.gguf", 13); }},
      {"encoder ..", 256,
       [](KlbankHeader* h) { memset(h->encoder_file, 0, 128), memcpy(h->encoder_file, "..", 2); }},
      {"zeros", 384, [](KlbankHeader* h) { h->zeros[119] = 1; }},
  };
  for (const Case& spoilt : kCases) {
    KlbankHeader header = KlbankHeaderOf(bank_);
    spoilt.spoil(&header);
    ExpectDamaged(WithKlbankHeader(bank_, header), spoilt.offset, spoilt.what);
  }
  for (const uint32_t version : {0u, 2u, 0x01000000u, UINT32_MAX}) {
    KlbankHeader header = KlbankHeaderOf(bank_);
    header.version = version;
    const absl::Status status = Read(WithKlbankHeader(bank_, header));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_NE(status.message().find("at byte 8"), std::string::npos) << status;
  }
}

// A field of any value is refused or read; it never crashes.
TEST_F(KlbankReaderTest, EdgeValuesInEveryWordOfTheHeader) {
  const uint64_t kValues[] = {0,
                              1,
                              2,
                              3,
                              7,
                              64,
                              4095,
                              4096,
                              0x7fffffff,
                              0x80000000,
                              UINT32_MAX,
                              uint64_t{1} << 62,
                              uint64_t{1} << 63,
                              ~uint64_t{4095},
                              UINT64_MAX};
  for (size_t offset = 8; offset < 192; offset += 4) {
    for (const uint64_t value : kValues) {
      std::string spoilt = bank_;
      memcpy(spoilt.data() + offset, &value, offset % 8 == 0 && offset >= 64 ? 8 : 4);
      const absl::Status status = Read(WithKlbankHeader(spoilt, KlbankHeaderOf(spoilt)));
      if (status.ok()) continue;
      EXPECT_NE(status.message().find("at byte "), std::string::npos) << status;
    }
  }
}

TEST_F(KlbankReaderTest, CutShortAnywhere) {
  std::vector<size_t> lengths;
  for (size_t length = 0; length <= 600; ++length) lengths.push_back(length);
  for (size_t length = 601; length < bank_.size(); length += 331) lengths.push_back(length);
  for (size_t length = 4096; length < bank_.size(); length += 4096) {
    lengths.insert(lengths.end(), {length - 1, length, length + 1});
  }
  lengths.push_back(bank_.size() - 1);
  for (const size_t length : lengths) {
    const absl::Status status = Read(bank_.substr(0, length));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length << ": " << status;
  }
}

TEST_F(KlbankReaderTest, FlippedBytesOfCentroidsAndTable) {
  for (uint64_t i = 0; i < layout_.CentroidBytes(); ++i) {
    std::string flipped = bank_;
    flipped[4096 + i] ^= 0x10;
    ExpectDamaged(flipped, 4096, "centroids");
  }
  for (uint64_t i = 0; i < layout_.RecordCount() * sizeof(MemoryRecord); ++i) {
    std::string flipped = bank_;
    flipped[8192 + i] ^= 1;
    ExpectDamaged(flipped, 8192, "table");
  }
}

TEST_F(KlbankReaderTest, CentroidsThatAreNoNumbers) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::string spoilt = bank_;
    memcpy(spoilt.data() + 4096 + 5 * sizeof value, &value, sizeof value);
    ExpectDamaged(WithKlbankSums(spoilt, layout_), 4096 + 5 * sizeof value, "centroid");
  }
}

TEST_F(KlbankReaderTest, FlagsThatATableCannotHave) {
  const auto with = [&](uint64_t record, MemoryRecord entry) {
    std::string spoilt = bank_;
    memcpy(spoilt.data() + 8192 + record * sizeof entry, &entry, sizeof entry);
    return WithKlbankSums(spoilt, layout_);
  };
  ExpectDamaged(with(3, {1, 4, 0}), 8192 + 3 * 16 + 8, "unknown flag");
  ExpectDamaged(with(0, {1, 1, 1}), 8192 + 8, "reserved");
  ExpectDamaged(with(layout_.GenericRecord(2), {1, 3, 0}), 8192 + 7 * 16 + 8,
                "a generic block denied");
  EXPECT_TRUE(Read(with(3, {1, 2, 0})).ok());
  // Without generic blocks none is there.
  KlbankHeader header = KlbankHeaderOf(bank_);
  header.flags = 0, header.generic_offset = 0;
  ExpectDamaged(WithKlbankHeader(bank_, header), 8192 + 6 * 16 + 8,
                "generic blocks in the table only");
}

TEST_F(KlbankReaderTest, FilesThatAreNoBank) {
  EXPECT_EQ(ReadKlbank(folder_.path() + "/none.klbank").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadKlbank(folder_.path()).ok());
  ExpectDamaged("", 0, "empty");
  ExpectDamaged("GGUF" + bank_, 0, "gguf");
  // Sent as text: the line break at the end of the magic is what tells.
  std::string text = bank_;
  text.erase(6, 1);
  ExpectDamaged(text, 0, "CR lost");
}

// A header may speak of terabytes; the file that it stands in decides.
TEST_F(KlbankReaderTest, SizesBeyondTheFileTakeNoMemory) {
  KlbankHeader header = KlbankHeaderOf(bank_);
  header.branching = 64;
  header.depth = 4;
  header.rows[2] = header.rows[3] = 1;
  header.encoder_width = 1 << 20;
  for (int level = 0; level < 4; ++level) header.level_stride[level] = 4096;
  ExpectDamaged(WithKlbankHeader(bank_, header), 80, "26 GB of centroids");
}

TEST_F(KlbankReaderTest, AFileThatIsCutShortLaterIsAnError) {
  const std::string path = folder_.Write("cut.klbank", bank_);
  const auto bank = ReadKlbank(path);
  ASSERT_TRUE(bank.ok()) << bank.status();
  const std::vector<float> vector(4, 0.5f);
  ASSERT_TRUE((*bank)->Route(vector.data(), 4).ok());
  (*bank)->file->Discard(0, bank_.size());
  ASSERT_EQ(truncate(path.c_str(), 4096), 0);
  const auto routed = (*bank)->Route(vector.data(), 4);
  EXPECT_EQ(routed.status().code(), absl::StatusCode::kDataLoss) << routed.status();
}

}  // namespace
}  // namespace kinglet
