// Three kinds of storage with the speeds of the paper (arXiv 2510.02375), on a simulated clock.
// Test only.
//
//   what is read, from where, how much and in which order     the bank's own code, on real files
//   how long that takes                                       bytes / speed of the place
//
// The bank of the 410M model in bf16: 16, 256 and 4,096 blocks of 75.5, 18.9 and 4.7 MB, 24 GB in a
// file that is one hole. A block in the memory tier is charged as well when it is handed out: it
// has to get from there to where it is used.
#ifndef KINGLET_PLUGINS_MEMORY_BANK_THROTTLED_STORE_H_
#define KINGLET_PLUGINS_MEMORY_BANK_THROTTLED_STORE_H_

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/bank.h"
#include "core/abi/checksum.h"
#include "plugins/common/record_bank/record_bank.h"
#include "plugins/memory_bank/memory_bank.h"

namespace memory_bank {

// Busy time of each place since Reset(). Thread safe.
class StoreClock {
 public:
  enum Place { kRam, kFlash, kDisk, kPlaceCount };
  static constexpr double kBytesPerSecond[kPlaceCount] = {4e9, 2e9, 0.5e9};

  void Reset() {
    for (auto& bytes : bytes_) bytes = 0;
  }
  void Charge(Place place, uint64_t bytes) { bytes_[place] += bytes; }
  uint64_t bytes(Place place) const { return bytes_[place]; }
  double Ms(Place place) const {
    return static_cast<double>(bytes_[place]) / kBytesPerSecond[place] * 1e3;
  }
  // One place after the other, as the paper adds them up.
  double SumMs() const { return Ms(kRam) + Ms(kFlash) + Ms(kDisk); }

 private:
  std::atomic<uint64_t> bytes_[kPlaceCount] = {};
};

// Charges each read to the place that its file lies in.
class ThrottledReader final : public record_bank::Reader {
 public:
  ThrottledReader(std::unique_ptr<record_bank::Reader> inner, std::string flash, StoreClock* clock)
      : inner_(std::move(inner)), flash_(std::move(flash)), clock_(clock) {}

  void Start(record_bank::Read* read) override {
    char path[4096] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(read->descriptor);
    const bool known = readlink(link.c_str(), path, sizeof path - 1) > 0;
    const bool on_flash = known && std::string(path).compare(0, flash_.size(), flash_) == 0;
    // Nobody waits for what is copied, when all is read, piece by piece.
    if (read->bytes > Copier::kChunkBytes) {
      clock_->Charge(on_flash ? StoreClock::kFlash : StoreClock::kDisk, read->bytes);
    }
    inner_->Start(read);
  }
  const char* name() const override { return inner_->name(); }
  bool direct() const override { return inner_->direct(); }

 private:
  const std::unique_ptr<record_bank::Reader> inner_;
  const std::string flash_;
  StoreClock* const clock_;
};

// Opens banks over the store, and fetches paths as a session does: what does not change is kept.
class ThrottledStore {
 public:
  static constexpr uint64_t kLevels = 3;
  static constexpr uint64_t kCounts[kLevels] = {16, 256, 4096};
  // 3 matrices, 512 / 128 / 32 neurons, 24 layers, dim 1024, 2 bytes.
  static constexpr uint64_t kBytes[kLevels] = {3 * 512 * 24 * 1024 * 2, 3 * 128 * 24 * 1024 * 2,
                                               3 * 32 * 24 * 1024 * 2};

  // `folder` exists, and is empty. ok() says whether it could be set up.
  explicit ThrottledStore(const std::string& folder) {
    char* resolved = realpath(folder.c_str(), nullptr);
    if (resolved == nullptr) return;
    folder_ = resolved;
    free(resolved);
    flash_ = folder_ + "/flash";
    disk_ = folder_ + "/disk";
    file_ = disk_ + "/410m.klbank";
    if (mkdir(flash_.c_str(), S_IRWXU) != 0 || mkdir(disk_.c_str(), S_IRWXU) != 0) return;
    path_[0] = file_.c_str();
    uint64_t offset = 0;
    for (uint64_t level = 0; level < kLevels; ++level) {
      const std::vector<uint8_t> zeros(kBytes[level]);
      const uint64_t checksum = kl_checksum64(zeros.data(), zeros.size(), 0);
      for (uint64_t id = 0; id < kCounts[level]; ++id, offset += kBytes[level]) {
        pieces_.push_back({0, 0, offset, kBytes[level]});
        groups_.push_back(static_cast<uint8_t>(level));
        records_.push_back({nullptr, 1, 1, checksum});
      }
    }
    for (size_t i = 0; i < pieces_.size(); ++i) records_[i].pieces = &pieces_[i];
    const int file = open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRWXU);
    ok_ = file >= 0 && ftruncate(file, static_cast<off_t>(offset)) == 0;
    if (file >= 0) close(file);
  }
  ~ThrottledStore() {
    Close();
    for (const std::string& folder : {flash_, disk_}) {
      DIR* listing = opendir(folder.c_str());
      if (listing == nullptr) continue;
      while (const dirent* entry = readdir(listing)) {
        unlink((folder + "/" + entry->d_name).c_str());
      }
      closedir(listing);
      rmdir(folder.c_str());
    }
  }
  ThrottledStore(const ThrottledStore&) = delete;
  ThrottledStore& operator=(const ThrottledStore&) = delete;

  bool ok() const { return ok_; }
  StoreClock& clock() { return clock_; }
  const std::string& error() const { return error_text_; }

  // One record of the same size as a path: a flat memory. Returns whether it could be opened.
  bool OpenFlat() {
    flat_piece_ = {0, 0, 0, kBytes[0] + kBytes[1] + kBytes[2]};
    const std::vector<uint8_t> zeros(flat_piece_.bytes);
    flat_ = {&flat_piece_, 1, 1, kl_checksum64(zeros.data(), zeros.size(), 0)};
    kl_bank_source source = Source();
    source.records = &flat_;
    source.record_count = 1;
    source.slot_bytes = flat_piece_.bytes;
    source.group_count = 0;
    return Open(source, {});
  }
  // All levels in their own file on the disk.
  bool OpenOnDisk() { return Open(Source(), {}); }
  // Level 1 in memory, level 2 on the flash, level 3 on the disk.
  bool OpenOnThreeTiers() {
    // One of the slots is there for leases anyway.
    const uint64_t ram = (kCounts[0] - 1) * (kBytes[0] + 4096);
    const uint64_t flash = TierFile::EmptyBytes(kCounts[1]) + kCounts[1] * kBytes[1];
    const kl_bank_tier memory_tier = {sizeof(kl_bank_tier), nullptr, ram};
    const kl_bank_tier flash_tier = {sizeof(kl_bank_tier), flash_.c_str(), flash};
    const kl_bank_tier disk_tier = {sizeof(kl_bank_tier), disk_.c_str(), UINT64_MAX};
    return Open(Source(), {&memory_tier, &flash_tier, &disk_tier});
  }
  void Close() {
    for (kl_lease& lease : held_) {
      if (bank_ != nullptr && lease.data != nullptr) bank_->Release(lease);
    }
    held_.clear();
    bank_.reset();
  }

  // Of a node of level 3.
  static std::vector<uint64_t> PathOf(uint64_t leaf) {
    return {leaf / 256, kCounts[0] + leaf / 16, kCounts[0] + kCounts[1] + leaf};
  }
  // Milliseconds on the simulated clock until the session has all blocks of the path; negative: it
  // failed.
  double Fetch(const std::vector<uint64_t>& path) {
    WaitForCopies();
    clock_.Reset();
    held_.resize(path.size());
    std::vector<uint64_t> wanted;
    for (size_t level = 0; level < path.size(); ++level) {
      if (held_[level].data != nullptr && held_[level].id == path[level]) continue;
      if (held_[level].data != nullptr) bank_->Release(held_[level]);
      held_[level] = {};
      wanted.push_back(path[level]);
    }
    kl_error error = {sizeof error, KL_OK, {}};
    kl_bank_ticket ticket = 0;
    const auto count = static_cast<uint32_t>(wanted.size());
    if (bank_->Submit(wanted.data(), count, KL_SUBMIT_DEMAND, &ticket, &error) != KL_OK) return -1;
    for (;;) {
      kl_lease lease = {};
      lease.struct_size = sizeof lease;
      const kl_bank_answer answer = bank_->NextReady(ticket, 1'000'000'000, &lease, &error);
      if (answer == KL_BANK_PENDING) continue;
      if (answer == KL_BANK_DONE) return clock_.SumMs();
      if (answer != KL_BANK_READY) {
        error_text_ = error.message;
        return -1;
      }
      if (lease.origin == KL_BANK_ORIGIN_MEMORY) clock_.Charge(StoreClock::kRam, lease.bytes);
      for (size_t level = 0; level < path.size(); ++level) {
        if (path[level] == lease.id) held_[level] = lease;
      }
    }
  }
  std::string Describe() { return bank_->Describe(); }

 private:
  kl_bank_source Source() {
    kl_bank_source source = {};
    source.struct_size = sizeof source;
    source.path_count = 1;
    source.paths = path_;
    source.records = records_.data();
    source.record_count = records_.size();
    source.slot_bytes = kBytes[0];
    source.group_count = kLevels;
    source.group_slot_bytes = kBytes;
    source.group_of_record = groups_.data();
    return source;
  }
  bool Open(const kl_bank_source& source, const std::vector<const kl_bank_tier*>& tiers) {
    Close();
    source_ = source;
    kl_bank_options options = {};
    options.struct_size = sizeof options;
    options.tiers = tiers.data();
    options.tier_count = static_cast<uint32_t>(tiers.size());
    options.min_lease_count = 1;
    options.source = &source_;
    kl_error error = {sizeof error, KL_OK, {}};
    uint64_t each = 0;
    kl_code code =
        record_bank::RecordBank::QueryBudget(options, Kind(), &options.budget_bytes, &each, &error);
    if (!tiers.empty()) options.budget_bytes += tiers[0]->budget_bytes;
    record_bank::Surroundings surroundings;
    surroundings.wrap = [this](std::unique_ptr<record_bank::Reader> inner) {
      return std::make_unique<ThrottledReader>(std::move(inner), flash_, &clock_);
    };
    if (code == KL_OK) {
      code = record_bank::RecordBank::Open(nullptr, options, Kind(), surroundings, &bank_, &error);
    }
    if (code != KL_OK) error_text_ = error.message;
    return code == KL_OK;
  }
  void WaitForCopies() {
    auto* tiers = static_cast<Tiers*>(bank_->places());
    while (tiers != nullptr && !tiers->idle()) usleep(1000);
  }

  bool ok_ = false;
  std::string folder_, flash_, disk_, file_, error_text_;
  const char* path_[1] = {nullptr};
  std::vector<kl_bank_piece> pieces_;
  std::vector<kl_bank_record> records_;
  std::vector<uint8_t> groups_;
  kl_bank_piece flat_piece_ = {};
  kl_bank_record flat_ = {};
  kl_bank_source source_ = {};
  StoreClock clock_;
  std::vector<kl_lease> held_;  // a level each
  std::unique_ptr<record_bank::RecordBank> bank_;
};

// The three figures of the paper, in milliseconds; negative: it failed.
struct StorageFigures {
  double flat_ms = -1;
  double on_disk_ms = -1;
  double on_three_tiers_ms = -1;
  double first_prompt_ms = -1;  // of the three tiers, when they are empty
  double slowest_tier_ms = -1;  // of on_three_tiers_ms: when the tiers are read side by side
};

inline StorageFigures MeasureStorage(ThrottledStore* store) {
  StorageFigures figures;
  if (!store->ok() || !store->OpenFlat()) return figures;
  figures.flat_ms = store->Fetch({0});
  if (!store->OpenOnDisk()) return figures;
  // Two prompts about things that are near each other: they share the block of level 1.
  store->Fetch(ThrottledStore::PathOf(1000));
  figures.on_disk_ms = store->Fetch(ThrottledStore::PathOf(800));
  if (!store->OpenOnThreeTiers()) return figures;
  // A prompt about something that was talked about before, but not just now.
  figures.first_prompt_ms = store->Fetch(ThrottledStore::PathOf(1000));
  store->Fetch(ThrottledStore::PathOf(3000));
  figures.on_three_tiers_ms = store->Fetch(ThrottledStore::PathOf(1000 + 1));
  const StoreClock& clock = store->clock();
  figures.slowest_tier_ms = std::max(
      {clock.Ms(StoreClock::kRam), clock.Ms(StoreClock::kFlash), clock.Ms(StoreClock::kDisk)});
  return figures;
}

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_THROTTLED_STORE_H_
