#include "core/plugin/elf_manifest.h"

#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "core/abi/plugin.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr char kFolder[] = "core/plugin/testdata/";

std::string PathOf(const char* name) { return std::string(kFolder) + "libkinglet_" + name + ".so"; }

class ElfManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    auto bytes = ReadPluginFile(PathOf("good"));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    good_ = *bytes;
  }

  // What reading these bytes as a whole plugin says.
  static absl::Status Verdict(const std::vector<uint8_t>& bytes) {
    const auto manifest = ParseManifest(bytes.data(), bytes.size(), "the.so");
    if (!manifest.ok()) return manifest.status();
    return CheckManifest(*manifest, bytes.data(), bytes.size(), "the.so");
  }

  std::vector<uint8_t> good_;
};

TEST_F(ElfManifestTest, ReadsWhatThePluginSaysAboutItself) {
  const auto manifest = ReadManifest(PathOf("good"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->name, "good");
  EXPECT_EQ(manifest->version, "1.5");
  EXPECT_EQ(manifest->isa, "any");
  EXPECT_EQ(manifest->abi_major, KL_ABI_MAJOR);
  EXPECT_NE(manifest->checksum, 0u);
}

TEST_F(ElfManifestTest, ReadsTheKnownPartOfANewerManifest) {
  const auto manifest = ReadManifest(PathOf("newer_minor"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->name, "newer_minor");
  EXPECT_GT(manifest->abi_minor, KL_ABI_MINOR);
}

TEST_F(ElfManifestTest, EveryTruncationIsAnError) {
  for (size_t size = 0; size < good_.size(); size += size < 512 ? 1 : 97) {
    // A copy of exactly this size, so that a sanitizer sees a read beyond it.
    const std::vector<uint8_t> cut(good_.begin(), good_.begin() + size);
    const absl::Status verdict = Verdict(cut);
    ASSERT_FALSE(verdict.ok()) << size << " of " << good_.size() << " bytes";
    ASSERT_NE(verdict.message().find("the.so"), absl::string_view::npos) << verdict;
  }
  const std::vector<uint8_t> cut(good_.begin(), good_.end() - 1);
  EXPECT_EQ(CodeFromStatus(Verdict(cut)), KL_DATA_CORRUPT) << Verdict(cut);
}

TEST_F(ElfManifestTest, EveryFlippedBitIsAnError) {
  for (size_t bit = 0; bit < good_.size() * 8; bit += 61) {
    std::vector<uint8_t> flipped = good_;
    flipped[bit / 8] ^= 1u << (bit % 8);
    ASSERT_FALSE(Verdict(flipped).ok()) << "bit " << bit;
  }
}

TEST_F(ElfManifestTest, SurvivesRandomDamageToHeaders) {
  std::mt19937_64 random(1);
  Elf64_Ehdr header;
  memcpy(&header, good_.data(), sizeof header);
  const size_t sections_bytes = header.e_shnum * sizeof(Elf64_Shdr);
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> damaged = good_;
    for (int n = 0; n < 4; ++n) {
      const bool in_sections = random() % 2 == 0;
      const size_t at = in_sections ? header.e_shoff + random() % sections_bytes
                                    : 16 + random() % (sizeof header + 500);
      damaged[at] = static_cast<uint8_t>(random() % 4 == 0 ? 0xff : random());
    }
    // Damage that changes nothing is possible; reading outside the file is not.
    const auto manifest = ParseManifest(damaged.data(), damaged.size(), "the.so");
    if (manifest.ok()) {
      EXPECT_LE(manifest->checksum_offset + sizeof(uint64_t), damaged.size());
    }
  }
}

TEST_F(ElfManifestTest, ChecksumErrorNamesBothValues) {
  std::vector<uint8_t> changed = good_;
  const auto manifest = ParseManifest(good_.data(), good_.size(), "the.so");
  changed[manifest->checksum_offset + 8 + 60] ^= 1;  // in the padding of the manifest's version
  const absl::Status verdict = Verdict(changed);
  EXPECT_EQ(CodeFromStatus(verdict), KL_DATA_CORRUPT);
  EXPECT_NE(verdict.message().find("expected checksum"), absl::string_view::npos) << verdict;
}

TEST_F(ElfManifestTest, AnotherMajorVersionIsAVersionMismatch) {
  const auto manifest = ReadManifest(PathOf("wrong_major"));
  EXPECT_EQ(CodeFromStatus(manifest.status()), KL_VERSION_MISMATCH);
  EXPECT_NE(manifest.status().message().find("ABI major version 2"), absl::string_view::npos)
      << manifest.status();
}

TEST_F(ElfManifestTest, AnotherProcessorIsUnsupported) {
  const auto by_isa = ReadManifest(PathOf("wrong_isa"));
  EXPECT_EQ(CodeFromStatus(by_isa.status()), KL_UNSUPPORTED);
  EXPECT_NE(by_isa.status().message().find("found one for vax"), absl::string_view::npos)
      << by_isa.status();

  auto other_machine = good_;
  const uint16_t sparc = EM_SPARCV9;
  memcpy(other_machine.data() + offsetof(Elf64_Ehdr, e_machine), &sparc, sizeof sparc);
  EXPECT_EQ(CodeFromStatus(Verdict(other_machine)), KL_UNSUPPORTED);
}

TEST_F(ElfManifestTest, AMissingManifestSaysHowToAddOne) {
  const auto manifest = ReadManifest(PathOf("missing_manifest"));
  EXPECT_EQ(CodeFromStatus(manifest.status()), KL_NOT_FOUND);
  EXPECT_NE(manifest.status().message().find("KL_PLUGIN_MANIFEST"), absl::string_view::npos)
      << manifest.status();
}

TEST_F(ElfManifestTest, OtherClassesOfElfAreRefused) {
  auto bytes = good_;
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(CodeFromStatus(Verdict(bytes)), KL_DATA_CORRUPT);
  bytes = good_;
  bytes[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(CodeFromStatus(Verdict(bytes)), KL_DATA_CORRUPT);
  bytes = good_;
  bytes[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
  EXPECT_EQ(CodeFromStatus(Verdict(bytes)), KL_DATA_CORRUPT);
  bytes.assign(1000, 'x');
  EXPECT_EQ(CodeFromStatus(Verdict(bytes)), KL_DATA_CORRUPT);
}

TEST(ReadPluginFileTest, MissingFilesAndFoldersAreErrors) {
  EXPECT_EQ(CodeFromStatus(ReadPluginFile("core/plugin/none.so").status()), KL_NOT_FOUND);
  EXPECT_EQ(CodeFromStatus(ReadPluginFile("core/plugin").status()), KL_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace kinglet
