// The directories of a memory bank: which level's blocks are copied where, and finding the copies.
//
//   placement.h   how many blocks of each level each directory may hold
//   tier_file.h   one file for each level in each directory
//   copier.h      fills them: a block that was read from the bank's own file is copied, as long as
//                 its level has room in a directory, the fastest first
#ifndef KINGLET_PLUGINS_MEMORY_BANK_TIERS_H_
#define KINGLET_PLUGINS_MEMORY_BANK_TIERS_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugins/common/record_bank/record_bank.h"
#include "plugins/memory_bank/copier.h"
#include "plugins/memory_bank/tier_file.h"

namespace memory_bank {

class Tiers final : public record_bank::RecordPlaces {
 public:
  // What it takes of a bank's budget; 0 without directories.
  static uint64_t Bytes(const kl_bank_options& options, const kl_bank_source& source);
  // *places stays null when there is no directory. KL_NOT_FOUND: a directory that does not exist.
  // One that cannot be written to is used as it is, with a warning.
  static kl_code Make(const record_bank::PlacesSetting& setting,
                      std::unique_ptr<record_bank::RecordPlaces>* places, kl_error* error);
  ~Tiers() override;

  bool Find(uint32_t record, kl_bank_piece* piece, uint32_t* tier) override;
  void Forget(uint32_t record) override;
  void OnRead(uint32_t record) override;
  void SetBusy(bool busy) override;
  std::string Describe(uint32_t group) const override;

  // Nothing is left to be copied. For tests and tools.
  bool idle() { return copier_->idle(); }

 private:
  struct Level {
    uint32_t tier;      // in kl_bank_options.tiers
    uint32_t in_files;  // the bank's number of the file
    std::unique_ptr<TierFile> file;
    bool filling;  // until it cannot be written
  };
  struct Folder {
    uint32_t tier;
    std::string path;
    uint64_t budget_bytes;
    bool holds_own_file;
  };

  explicit Tiers(const record_bank::PlacesSetting& setting);
  kl_code FindFolders(const kl_bank_options& options, kl_error* error);
  void OpenFiles(const record_bank::PlacesSetting& setting);
  void OpenFile(const Folder& folder, uint32_t group, uint64_t most_count,
                const TierFileContent& content, const record_bank::PlacesSetting& setting);
  TierFileContent ContentOf(uint32_t group) const;
  bool MayBeCopied(uint32_t record) const;
  void OnCopied(const Copy& copy, Copier::End end, int error);
  void Warn(const std::string& text) const;

  const kl_host* const host_;
  const kl_bank_source& source_;
  std::vector<Folder> folders_;             // the fastest first
  std::vector<uint32_t> number_;            // of a record, within its level
  mutable std::mutex mutex_;                // of what follows
  std::vector<std::vector<Level>> levels_;  // [group], the fastest directory first
  std::vector<uint8_t> is_copied_;          // of a record: a copy is asked for or there
  std::unique_ptr<Copier> copier_;          // last: its thread ends first
};

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_TIERS_H_
