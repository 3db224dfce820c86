// A bank of three levels with blocks of known bytes, over storage that fails and counts. Test only.
#ifndef KINGLET_PLUGINS_MEMORY_BANK_MEMORY_FIXTURE_H_
#define KINGLET_PLUGINS_MEMORY_BANK_MEMORY_FIXTURE_H_

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/bank.h"
#include "core/abi/checksum.h"
#include "gtest/gtest.h"
#include "plugins/common/record_bank/bank_user.h"
#include "plugins/common/record_bank/fault_reader.h"
#include "plugins/common/record_bank/record_bank.h"
#include "plugins/memory_bank/memory_bank.h"

namespace memory_bank {

// Remembers what was read from where. Thread safe.
class RecordingReader final : public record_bank::Reader {
 public:
  struct Entry {
    std::string path;
    uint64_t offset;
    uint64_t bytes;
  };

  explicit RecordingReader(std::unique_ptr<record_bank::Reader> inner) : inner_(std::move(inner)) {}

  void Start(record_bank::Read* read) override {
    char path[512] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(read->descriptor);
    if (readlink(link.c_str(), path, sizeof path - 1) < 0) path[0] = '\0';
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      entries_.push_back({path, read->offset, read->bytes});
    }
    inner_->Start(read);
  }
  const char* name() const override { return inner_->name(); }
  bool direct() const override { return inner_->direct(); }

  // What was read since the last call, in order.
  std::vector<Entry> Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(entries_, {});
  }

 private:
  const std::unique_ptr<record_bank::Reader> inner_;
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

class MemoryFixture : public record_bank::BankUser {
 protected:
  static constexpr uint64_t kLevels = 3;
  static constexpr uint64_t kCounts[kLevels] = {4, 16, 64};
  static constexpr uint64_t kBytes[kLevels] = {40000, 10000, 3000};
  static constexpr uint64_t kFirst[kLevels] = {0, 4, 20};  // record of a level's first block
  static constexpr uint64_t kGeneric = 84;                 // the first of the generic ones
  static constexpr uint64_t kRecords = 87;

  MemoryFixture() {
    static std::atomic<int> serial{0};
    folder_ = testing::TempDir() + "/memory_bank_" + std::to_string(getpid()) + "_" +
              std::to_string(serial++);
    mkdir(folder_.c_str(), S_IRWXU);
    // As the kernel will call it.
    char* resolved = realpath(folder_.c_str(), nullptr);
    folder_ = resolved;
    free(resolved);
    for (const char* name : {"/own", "/flash", "/slow"}) mkdir((folder_ + name).c_str(), S_IRWXU);
    path_ = folder_ + "/own/facts.klbank";
    paths_[0] = path_.c_str();
    WriteBank(0);
  }
  ~MemoryFixture() override {
    bank_.reset();
    for (const char* name : {"/own", "/flash", "/slow", ""}) {
      const std::string folder = folder_ + name;
      for (const std::string& file : FilesIn(folder)) unlink((folder + "/" + file).c_str());
      rmdir(folder.c_str());
    }
  }

  static uint8_t ByteOf(uint64_t id, uint64_t position, uint64_t edition) {
    return static_cast<uint8_t>(id * 89 + position * 7 + position / 251 + edition * 13);
  }
  static uint64_t LevelOf(uint64_t id) {
    if (id >= kGeneric) return id - kGeneric;
    return id < kFirst[1] ? 0 : id < kFirst[2] ? 1 : 2;
  }
  // Writes the file and describes it as the host does.
  void WriteBank(uint64_t edition) {
    edition_ = edition;
    std::vector<uint8_t> content(4096, 0xAA);
    for (uint64_t id = 0; id < kRecords; ++id) {
      const uint64_t level = LevelOf(id);
      pieces_[id] = {0, 0, content.size(), kBytes[level]};
      for (uint64_t i = 0; i < kBytes[level]; ++i) content.push_back(ByteOf(id, i, edition));
      records_[id] = {&pieces_[id], 1, 1,
                      kl_checksum64(&content[pieces_[id].offset], kBytes[level], 0)};
      groups_[id] = static_cast<uint8_t>(level);
      content.resize(record_bank::RoundUp(content.size(), 4096), 0xAA);
    }
    FILE* file = fopen(path_.c_str(), "wb");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(fwrite(content.data(), 1, content.size(), file), content.size());
    fclose(file);
    source_ = {};
    source_.struct_size = sizeof source_;
    source_.path_count = 1;
    source_.paths = paths_;
    source_.records = records_;
    source_.record_count = kRecords;
    source_.slot_bytes = kBytes[0];
    source_.group_count = kLevels;
    source_.group_slot_bytes = kBytes;
    source_.group_of_record = groups_;
    options_.struct_size = sizeof options_;
    options_.min_lease_count = 1;
    options_.source = &source_;
    options_.queue_depth = 4;
  }
  void AddTier(const char* name, uint64_t budget_bytes) {
    tier_paths_.push_back(name == nullptr ? "" : folder_ + name);
    tiers_.push_back({sizeof(kl_bank_tier), nullptr, budget_bytes});
    tier_pointers_.clear();
    for (size_t i = 0; i < tiers_.size(); ++i) {
      tiers_[i].path = tier_paths_[i].empty() ? nullptr : tier_paths_[i].c_str();
      tier_pointers_.push_back(&tiers_[i]);
    }
    options_.tiers = tier_pointers_.data();
    options_.tier_count = static_cast<uint32_t>(tiers_.size());
  }
  // The budget that leaves each level one slot and so many more: a bank that holds everything,
  // which needs no directory, says what it takes.
  uint64_t BudgetFor(uint64_t more1, uint64_t more2, uint64_t more3) {
    kl_bank_options options = options_;
    options.budget_bytes = 1 << 26;
    options.min_lease_count = static_cast<uint32_t>(kRecords);
    std::unique_ptr<record_bank::RecordBank> bank;
    if (record_bank::RecordBank::Open(nullptr, options, Kind(), surroundings_, &bank, &error_) !=
        KL_OK) {
      ADD_FAILURE() << error_.message;
      return 0;
    }
    uint64_t bytes = bank->Stats().resident_bytes;
    const uint64_t more[kLevels] = {more1, more2, more3};
    uint64_t there[kLevels] = {};
    for (uint64_t id = 0; id < kRecords; ++id) there[LevelOf(id)] += records_[id].piece_count;
    for (uint64_t level = 0; level < kLevels; ++level) {
      const uint64_t slots = std::min(there[level], options_.min_lease_count + more[level]);
      bytes -= (there[level] - slots) * SlotBytes(level);
    }
    return bytes;
  }
  static uint64_t SlotBytes(uint64_t level) {
    return record_bank::RoundUp(kBytes[level], 4096) + 104;
  }
  kl_code TryOpen() {
    bank_.reset();
    record_bank::Surroundings surroundings = surroundings_;
    surroundings.wrap = [this](std::unique_ptr<record_bank::Reader> inner) {
      auto faults = std::make_unique<record_bank::FaultReader>(std::move(inner));
      faults_ = faults.get();
      auto reads = std::make_unique<RecordingReader>(std::move(faults));
      reads_ = reads.get();
      return reads;
    };
    return record_bank::RecordBank::Open(&host_, options_, Kind(), surroundings, &bank_, &error_);
  }
  void Open(uint64_t budget_bytes) {
    options_.budget_bytes = budget_bytes;
    ASSERT_EQ(TryOpen(), KL_OK) << error_.message;
  }

  void ExpectContent(const kl_lease& lease) override {
    ASSERT_EQ(lease.bytes, kBytes[LevelOf(lease.id)]);
    const auto* bytes = static_cast<const uint8_t*>(lease.data);
    for (uint64_t i = 0; i < lease.bytes; ++i) {
      ASSERT_EQ(bytes[i], ByteOf(lease.id, i, edition_)) << "record " << lease.id << " byte " << i;
    }
  }
  // Fetches, checks and gives back; where each came from, in the order of the ids.
  std::vector<kl_bank_origin> Fetch(const std::vector<uint64_t>& ids) {
    std::vector<kl_bank_origin> origins(ids.size(), KL_BANK_ORIGIN_UNKNOWN);
    const kl_bank_ticket ticket = Submit(ids);
    for (;;) {
      kl_lease lease;
      const kl_bank_answer answer = Next(ticket, &lease);
      if (answer != KL_BANK_READY) {
        EXPECT_EQ(answer, KL_BANK_DONE) << error_.message;
        return origins;
      }
      ExpectContent(lease);
      for (size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] == lease.id) origins[i] = lease.origin;
      }
      bank_->Release(lease);
    }
  }
  void WaitForCopies() {
    while (!static_cast<Tiers*>(bank_->places())->idle()) usleep(200);
  }
  // Reads of a record's bytes from the bank's own file.
  static bool Touches(const RecordingReader::Entry& entry, const std::string& path,
                      const kl_bank_piece& piece) {
    return entry.path == path && entry.offset < piece.offset + piece.bytes &&
           piece.offset < entry.offset + entry.bytes;
  }
  static std::vector<std::string> FilesIn(const std::string& folder) {
    std::vector<std::string> names;
    DIR* listing = opendir(folder.c_str());
    if (listing == nullptr) return names;
    while (const dirent* entry = readdir(listing)) {
      if (entry->d_type == DT_REG) names.push_back(entry->d_name);
    }
    closedir(listing);
    std::sort(names.begin(), names.end());
    return names;
  }
  static uint64_t BytesIn(const std::string& folder) {
    uint64_t bytes = 0;
    for (const std::string& name : FilesIn(folder)) {
      struct stat status = {};
      if (stat((folder + "/" + name).c_str(), &status) == 0) {
        bytes += static_cast<uint64_t>(status.st_size);
      }
    }
    return bytes;
  }
  std::string TierFilePath(const char* tier, uint32_t level) {
    for (const std::string& name : FilesIn(folder_ + tier)) {
      if (name.find(".level" + std::to_string(level) + ".") != std::string::npos) {
        return folder_ + tier + "/" + name;
      }
    }
    return "";
  }

  static void Log(const kl_host* host, kl_log_level level, const char* message) {
    auto* self = static_cast<MemoryFixture*>(host->context);
    const std::lock_guard<std::mutex> lock(self->log_mutex_);
    if (level <= KL_LOG_WARNING) self->warnings_ += std::string(message) + "\n";
  }
  std::string Warnings() {
    const std::lock_guard<std::mutex> lock(log_mutex_);
    return warnings_;
  }

  std::string folder_, path_;
  uint64_t edition_ = 0;
  const char* paths_[1];
  kl_bank_piece pieces_[kRecords];
  kl_bank_record records_[kRecords];
  uint8_t groups_[kRecords];
  kl_bank_source source_ = {};
  kl_bank_options options_ = {};
  std::vector<std::string> tier_paths_;
  std::vector<kl_bank_tier> tiers_;
  std::vector<const kl_bank_tier*> tier_pointers_;
  record_bank::Surroundings surroundings_;
  std::mutex log_mutex_;
  std::string warnings_;
  kl_host host_ = MakeHost();
  RecordingReader* reads_ = nullptr;  // the bank's

 private:
  kl_host MakeHost() {
    kl_host host = {};
    host.struct_size = sizeof host;
    host.context = this;
    host.log = &Log;
    return host;
  }
};

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_MEMORY_FIXTURE_H_
