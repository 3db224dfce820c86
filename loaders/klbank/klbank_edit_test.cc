// Writer, deny list, merge and verify: what changes banks or reads all of one.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "loaders/klbank/klbank_deny.h"
#include "loaders/klbank/klbank_merge.h"
#include "loaders/klbank/klbank_reader.h"
#include "loaders/klbank/klbank_test_builder.h"
#include "loaders/klbank/klbank_verify.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

class KlbankEditTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  std::string Write(const std::string& name,
                    const std::set<std::pair<uint32_t, uint64_t>>& absent = {}, uint32_t salt = 0,
                    const KlbankHead& head = SmallKlbankHead()) {
    const absl::Status status = WriteKlbank(Path(name), head, absent, salt);
    EXPECT_TRUE(status.ok()) << status;
    return Path(name);
  }

  static std::unique_ptr<MemorySource> Open(const std::string& path) {
    auto bank = ReadKlbank(path);
    EXPECT_TRUE(bank.ok()) << bank.status();
    return bank.ok() ? *std::move(bank) : nullptr;
  }

  size_t FileCount() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      count += entry.exists() ? 1 : 0;
    return count;
  }

  TempFolder folder_;
};

TEST_F(KlbankEditTest, EqualBanksAreEqualFilesWhateverTheOrderOfBlocks) {
  const std::string one = Write("one.klbank");
  const KlbankHead head = SmallKlbankHead();
  const MemoryLayout layout = *MemoryLayout::Create(head.shape);
  const std::vector<float> centroids = KlbankCentroids(layout);
  auto writer = KlbankWriter::Create(Path("two.klbank"), head, centroids.data(), 6);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (uint32_t level = 2; level >= 1; --level) {
    const uint64_t bytes = layout.BlockBytes(level);
    ASSERT_TRUE((*writer)->AddGeneric(level, KlbankBlock(bytes, level, 99).data(), bytes).ok());
    for (uint64_t id = layout.BlockCount(level); id-- > 0;) {
      ASSERT_TRUE((*writer)->AddBlock(level, id, KlbankBlock(bytes, level, id).data(), bytes).ok());
    }
  }
  EXPECT_FALSE(std::filesystem::exists(Path("two.klbank")));
  ASSERT_TRUE((*writer)->Commit().ok());
  EXPECT_EQ(KlbankContents(one), KlbankContents(Path("two.klbank")));
}

TEST_F(KlbankEditTest, AWriterThatIsGivenUpLeavesNothing) {
  const KlbankHead head = SmallKlbankHead();
  const MemoryLayout layout = *MemoryLayout::Create(head.shape);
  const std::vector<float> centroids = KlbankCentroids(layout);
  { ASSERT_TRUE(KlbankWriter::Create(Path("bank"), head, centroids.data(), 6).ok()); }
  EXPECT_EQ(FileCount(), 0u);
}

TEST_F(KlbankEditTest, WriterRefusesWhatIsNoBlock) {
  KlbankHead head = SmallKlbankHead();
  const MemoryLayout layout = *MemoryLayout::Create(head.shape);
  std::vector<float> centroids = KlbankCentroids(layout);
  const auto writer = KlbankWriter::Create(Path("bank"), head, centroids.data(), 6);
  ASSERT_TRUE(writer.ok());
  const std::string block = KlbankBlock(layout.BlockBytes(1), 1, 0);
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ((*writer)->AddBlock(0, 0, block.data(), block.size()).code(), kInvalid);
  EXPECT_EQ((*writer)->AddBlock(3, 0, block.data(), block.size()).code(), kInvalid);
  EXPECT_EQ((*writer)->AddBlock(1, 2, block.data(), block.size()).code(), kInvalid);
  EXPECT_EQ((*writer)->AddBlock(1, 0, block.data(), block.size() - 1).code(), kInvalid);
  EXPECT_EQ((*writer)->Deny(2, 4).code(), kInvalid);
  EXPECT_TRUE((*writer)->AddBlock(1, 0, block.data(), block.size()).ok());
  EXPECT_EQ((*writer)->AddBlock(1, 0, block.data(), block.size()).code(), kInvalid);
  head.generic = false;
  const auto plain = KlbankWriter::Create(Path("plain"), head, centroids.data(), 6);
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ((*plain)->AddGeneric(1, block.data(), block.size()).code(), kInvalid);

  const auto refused = [&](const KlbankHead& bad, uint64_t count = 6) {
    return KlbankWriter::Create(Path("no"), bad, centroids.data(), count).status().code() ==
           kInvalid;
  };
  EXPECT_TRUE(refused(head, 5));
  KlbankHead bad = head;
  bad.name = std::string(64, 'x');
  EXPECT_TRUE(refused(bad));
  bad.name = "\xff";
  EXPECT_TRUE(refused(bad));
  bad = head;
  bad.encoder_file = "models/encoder.gguf";
  EXPECT_TRUE(refused(bad));
  bad = head;
  bad.shape.dim = 33;
  EXPECT_TRUE(refused(bad));
  centroids[7] = NAN;
  EXPECT_TRUE(refused(head));
}

TEST_F(KlbankEditTest, AbsentBlocksTakeNoStorage) {
  KlbankHead head = SmallKlbankHead();
  head.shape.rows = {30000, 30000, 0, 0};
  head.generic = false;
  const std::string path =
      Write("partial.klbank", {{1, 0}, {1, 1}, {2, 0}, {2, 1}, {2, 2}}, 0, head);
  struct stat facts = {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_LT(facts.st_blocks * 512, facts.st_size / 3);
  const auto bank = Open(path);
  ASSERT_NE(bank, nullptr);
  EXPECT_EQ(bank->StateOf(2, 2), MemoryBlockState::kAbsent);
  EXPECT_EQ(bank->StateOf(2, 3), MemoryBlockState::kReadable);
}

TEST_F(KlbankEditTest, VerifyNamesTheBlocksThatAreBad) {
  const std::string path = Write("bank.klbank");
  std::string bytes = KlbankContents(path);
  const auto sound = Open(path);
  uint64_t checked = 0;
  auto bad = VerifyKlbank(*sound, [&](const KlbankCheck& check) {
    ++checked;
    return check.ok;
  });
  ASSERT_TRUE(bad.ok()) << bad.status();
  EXPECT_EQ(*bad, 0u);
  EXPECT_EQ(checked, 8u);

  bytes[sound->BlockOffset(2, 1) + 7] ^= 1;
  bytes[sound->GenericBlockOffset(1)] ^= 0x80;
  bytes[sound->BlockOffset(1, 0) + sound->layout.BlockBytes(1)] ^= 1;  // padding: nobody's
  const auto bank = Open(folder_.Write("flipped.klbank", bytes));
  ASSERT_NE(bank, nullptr);
  std::vector<KlbankCheck> found;
  bad = VerifyKlbank(*bank, [&](const KlbankCheck& check) {
    if (!check.ok) found.push_back(check);
    return true;
  });
  ASSERT_TRUE(bad.ok());
  EXPECT_EQ(*bad, 2u);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].level, 2u);
  EXPECT_EQ(found[0].id, 1u);
  EXPECT_EQ(found[0].offset, sound->BlockOffset(2, 1));
  EXPECT_TRUE(found[1].generic);
  EXPECT_EQ(found[1].done_bytes, found[1].total_bytes - bank->layout.BlockBytes(2));

  const auto stopped = VerifyKlbank(*bank, [](const KlbankCheck&) { return false; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(KlbankEditTest, DenyAndAllowAgainAndAgainNeverGrowsTheFile) {
  const std::string path = Write("bank.klbank");
  const std::string before = KlbankContents(path);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(SetKlbankDenied(path, {{1, 1}, {2, 0}}, true).ok());
    auto bank = Open(path);
    ASSERT_NE(bank, nullptr);
    EXPECT_EQ(bank->StateOf(1, 1), MemoryBlockState::kDenied);
    EXPECT_EQ(bank->StateOf(2, 3), MemoryBlockState::kDenied);
    EXPECT_EQ(bank->StateOf(2, 0), MemoryBlockState::kDenied);
    EXPECT_EQ(bank->StateOf(2, 1), MemoryBlockState::kReadable);
    EXPECT_EQ(bank->file_bytes, before.size());
    ASSERT_TRUE(SetKlbankDenied(path, {{1, 1}, {2, 0}}, false).ok());
    bank = Open(path);
    ASSERT_NE(bank, nullptr);
    EXPECT_EQ(bank->StateOf(2, 3), MemoryBlockState::kReadable);
  }
  const std::string after = KlbankContents(path);
  ASSERT_EQ(after.size(), before.size());
  const auto bank = Open(path);
  const uint64_t blocks = bank->level_offsets[0];
  EXPECT_EQ(after.substr(blocks), before.substr(blocks));
}

// The old table and the header that points to it stay whole until the header is replaced.
TEST_F(KlbankEditTest, AnInterruptedDenyLeavesTheOldBank) {
  const std::string path = Write("bank.klbank");
  const std::string before = KlbankContents(path);
  ASSERT_TRUE(SetKlbankDenied(path, {{1, 0}}, true).ok());
  std::string between = KlbankContents(path);
  between.replace(0, sizeof(KlbankHeader), before, 0, sizeof(KlbankHeader));
  const auto bank = Open(folder_.Write("between.klbank", between));
  ASSERT_NE(bank, nullptr);
  EXPECT_EQ(bank->StateOf(1, 0), MemoryBlockState::kReadable);
}

TEST_F(KlbankEditTest, WithoutRoomForASecondTableTheFileGrowsOnce) {
  const std::string path = Write("bank.klbank");
  std::string bytes = KlbankContents(path);
  // As another writer may lay it out: the second table's room taken away.
  KlbankHeader header = KlbankHeaderOf(bytes);
  bytes.erase(12288, 4096);
  header.file_bytes -= 4096;
  header.level_offset[0] -= 4096;
  header.level_offset[1] -= 4096;
  header.generic_offset -= 4096;
  const std::string dense = folder_.Write("dense.klbank", WithKlbankHeader(bytes, header));
  for (int round = 0; round < 4; ++round) {
    const absl::Status status = SetKlbankDenied(dense, {{2, 1}}, round % 2 == 0);
    ASSERT_TRUE(status.ok()) << status;
    const auto bank = Open(dense);
    ASSERT_NE(bank, nullptr);
    EXPECT_EQ(bank->StateOf(2, 1) == MemoryBlockState::kDenied, round % 2 == 0);
    EXPECT_EQ(bank->file_bytes, bytes.size() + 4096);
  }
}

TEST_F(KlbankEditTest, DenyRefusesNodesThatAreNotThereAndFilesThatAreNone) {
  const std::string path = Write("bank.klbank");
  const std::string before = KlbankContents(path);
  for (const MemoryNode node : {MemoryNode{0, 0}, {3, 0}, {1, 2}, {2, 4}, {2, UINT64_MAX}}) {
    const absl::Status status = SetKlbankDenied(path, {{1, 0}, node}, true);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
  EXPECT_EQ(KlbankContents(path), before);
  EXPECT_EQ(SetKlbankDenied(Path("none"), {{1, 0}}, true).code(), absl::StatusCode::kNotFound);
  const std::string damaged = folder_.Write("damaged", before.substr(0, 9000));
  EXPECT_EQ(SetKlbankDenied(damaged, {{1, 0}}, true).code(), absl::StatusCode::kDataLoss);
}

TEST_F(KlbankEditTest, MergeOfPartsIsTheWhole) {
  const std::string whole = Write("whole.klbank");
  const std::string a = Write("a.klbank", {{1, 1}, {2, 2}, {2, 3}});
  const std::string b = Write("b.klbank", {{1, 0}, {2, 0}, {2, 1}});
  uint64_t done = 0, total = 0;
  const absl::Status status =
      MergeKlbanks({a, b}, Path("ab"), KlbankPrefer::kNone, [&](uint64_t d, uint64_t t) {
        done = d, total = t;
        return true;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(KlbankContents(Path("ab")), KlbankContents(whole));
  EXPECT_EQ(done, 8u);
  EXPECT_EQ(total, 8u);
  // Into one of the parts.
  ASSERT_TRUE(MergeKlbanks({a, b}, a, KlbankPrefer::kNone, nullptr).ok());
  EXPECT_EQ(KlbankContents(a), KlbankContents(whole));
}

TEST_F(KlbankEditTest, MergeOfBlocksThatDifferAsksWhich) {
  const std::string a = Write("a.klbank");
  const std::string b = Write("b.klbank", {{1, 0}}, 5);
  const absl::Status status = MergeKlbanks({a, b}, Path("ab"), KlbankPrefer::kNone, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("block 1:1"), std::string::npos) << status;
  EXPECT_NE(status.message().find("--prefer"), std::string::npos) << status;
  EXPECT_EQ(FileCount(), 2u);
  ASSERT_TRUE(MergeKlbanks({a, b}, Path("first"), KlbankPrefer::kFirst, nullptr).ok());
  EXPECT_EQ(KlbankContents(Path("first")), KlbankContents(a));
  ASSERT_TRUE(MergeKlbanks({a, b}, Path("last"), KlbankPrefer::kLast, nullptr).ok());
  const auto last = Open(Path("last"));
  EXPECT_EQ(last->ChooseBlock(1, 0).checksum, Open(a)->ChooseBlock(1, 0).checksum);
  EXPECT_EQ(last->ChooseBlock(2, 3).checksum, Open(b)->ChooseBlock(2, 3).checksum);
}

TEST_F(KlbankEditTest, MergeLeavesOutWhatIsDeniedAnywhere) {
  const std::string a = Write("a.klbank", {{2, 1}});
  const std::string b = Write("b.klbank");
  ASSERT_TRUE(SetKlbankDenied(b, {{1, 1}}, true).ok());
  ASSERT_TRUE(MergeKlbanks({a, b}, Path("ab"), KlbankPrefer::kNone, nullptr).ok());
  const auto merged = Open(Path("ab"));
  ASSERT_NE(merged, nullptr);
  EXPECT_EQ(merged->StateOf(2, 1), MemoryBlockState::kReadable);
  const std::string bytes = KlbankContents(Path("ab"));
  for (const MemoryNode node : {MemoryNode{1, 1}, {2, 2}, {2, 3}}) {
    EXPECT_EQ(merged->StateOf(node.level, node.id), MemoryBlockState::kDenied);
    EXPECT_EQ(merged->table[merged->layout.BlockRecord(node.level, node.id)].flags & kMemoryPresent,
              0u);
    const uint64_t length = merged->layout.BlockBytes(node.level);
    EXPECT_EQ(bytes.substr(merged->BlockOffset(node.level, node.id), length),
              std::string(length, '\0'));
  }
  // Allowed again there is nothing left to read.
  ASSERT_TRUE(SetKlbankDenied(Path("ab"), {{1, 1}}, false).ok());
  EXPECT_EQ(Open(Path("ab"))->StateOf(2, 3), MemoryBlockState::kAbsent);
}

TEST_F(KlbankEditTest, MergeRefusesBanksThatDoNotBelongTogether) {
  const std::string a = Write("a.klbank");
  const auto refused = [&](const KlbankHead& head, const std::string& word) {
    const std::string other = Write("other.klbank", {}, 0, head);
    const absl::Status status = MergeKlbanks({a, other}, Path("no"), KlbankPrefer::kLast, nullptr);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_NE(status.message().find(word), std::string::npos) << status;
    EXPECT_FALSE(std::filesystem::exists(Path("no")));
  };
  KlbankHead head = SmallKlbankHead();
  head.shape.rows[1] = 3;
  refused(head, "shapes");
  head = SmallKlbankHead();
  head.model_fingerprint = 1;
  refused(head, "models");
  head = SmallKlbankHead();
  head.encoder_fingerprint = 1;
  refused(head, "encoders");
  std::string bytes = KlbankContents(a);
  bytes[4096 + 3] ^= 1;
  const std::string other = folder_.Write("c.klbank", WithKlbankSums(bytes, Open(a)->layout));
  const absl::Status status = MergeKlbanks({a, other}, Path("no"), KlbankPrefer::kLast, nullptr);
  EXPECT_NE(status.message().find("centroids"), std::string::npos) << status;
  EXPECT_EQ(MergeKlbanks({}, Path("no"), KlbankPrefer::kNone, nullptr).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(KlbankEditTest, MergeRefusesADamagedBlockAndCanBeStopped) {
  const std::string a = Write("a.klbank");
  std::string bytes = KlbankContents(a);
  bytes[Open(a)->BlockOffset(2, 2)] ^= 1;
  const std::string damaged = folder_.Write("damaged.klbank", bytes);
  const absl::Status status = MergeKlbanks({damaged}, Path("no"), KlbankPrefer::kNone, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("block 2:2"), std::string::npos) << status;
  const auto stop = [](uint64_t done, uint64_t) { return done < 3; };
  EXPECT_EQ(MergeKlbanks({a}, Path("no"), KlbankPrefer::kNone, stop).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(FileCount(), 2u);
}

// A limit on the size of files stands in for a full disk.
TEST_F(KlbankEditTest, NoSpaceLeavesTheOldFile) {
  const std::string path = Write("bank.klbank");
  const std::string before = KlbankContents(path);
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = limit;
  small.rlim_cur = 8192;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status written = WriteKlbank(path, SmallKlbankHead(), {}, 3);
  const absl::Status denied = SetKlbankDenied(path, {{1, 0}}, true);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_EQ(written.code(), absl::StatusCode::kUnavailable) << written;
  EXPECT_EQ(denied.code(), absl::StatusCode::kUnavailable) << denied;
  EXPECT_EQ(KlbankContents(path), before);
  EXPECT_EQ(FileCount(), 1u);
}

}  // namespace
}  // namespace kinglet
