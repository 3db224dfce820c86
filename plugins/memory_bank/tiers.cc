#include "plugins/memory_bank/tiers.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "core/abi/checksum.h"
#include "core/abi/error.h"
#include "plugins/memory_bank/placement.h"

namespace memory_bank {
namespace {

using record_bank::GroupCount;
using record_bank::GroupOf;
using record_bank::kBlockBytes;
using record_bank::RoundUp;

// Numbers, places and whether it was copied: of a record.
constexpr uint64_t kRecordBytes = 16;

// The folder that a file lies in.
std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool SameFile(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

// Tells banks of one name in several folders apart.
std::string NameOf(const char* bank_path, uint32_t group) {
  char* resolved = realpath(bank_path, nullptr);
  const std::string path = resolved != nullptr ? resolved : bank_path;
  free(resolved);
  const std::string base = path.substr(path.rfind('/') + 1);
  char tail[64];
  snprintf(tail, sizeof tail, ".%016" PRIx64 ".level%u.klcache",
           kl_checksum64(path.data(), path.size(), 0), group + 1);
  // File names end at 255 bytes.
  return base.substr(0, 128) + tail;
}

}  // namespace

uint64_t Tiers::Bytes(const kl_bank_options& options, const kl_bank_source& source) {
  uint64_t directories = 0;
  for (uint32_t i = 0; i < options.tier_count; ++i)
    directories += options.tiers[i]->path != nullptr;
  if (directories == 0) return 0;
  return Copier::Bytes() + source.record_count * kRecordBytes * directories;
}

Tiers::Tiers(const record_bank::PlacesSetting& setting)
    : host_(setting.host), source_(setting.source) {}

Tiers::~Tiers() { copier_.reset(); }

kl_code Tiers::Make(const record_bank::PlacesSetting& setting,
                    std::unique_ptr<record_bank::RecordPlaces>* places, kl_error* error) {
  std::unique_ptr<Tiers> tiers(new Tiers(setting));
  kl_code code = tiers->FindFolders(setting.options, error);
  if (code != KL_OK || tiers->folders_.empty()) return code;
  tiers->OpenFiles(setting);
  Tiers* raw = tiers.get();
  tiers->copier_ = std::make_unique<Copier>(
      *setting.files, setting.reader,
      [raw](const Copy& copy, Copier::End end, int failed) { raw->OnCopied(copy, end, failed); });
  const int refused = tiers->copier_->Start();
  if (refused != 0) {
    return kl_fail(error, KL_OUT_OF_MEMORY,
                   "the thread that copies blocks could not be started: %s", strerror(refused));
  }
  *places = std::move(tiers);
  return KL_OK;
}

kl_code Tiers::FindFolders(const kl_bank_options& options, kl_error* error) {
  for (uint32_t i = 0; i < options.tier_count; ++i) {
    if (options.tiers[i]->path == nullptr) continue;
    const std::string path = options.tiers[i]->path;
    struct stat status;
    if (stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      return kl_fail(error, KL_NOT_FOUND,
                     "tier %u, %s: no such directory; make it, or leave the tier out", i,
                     record_bank::ShortPath(path).c_str());
    }
    folders_.push_back(
        {i, path, options.tiers[i]->budget_bytes, SameFile(path, FolderOf(source_.paths[0]))});
  }
  return KL_OK;
}

// What its copies are copies of. A block that is denied meanwhile makes another content of it, so
// that its copy goes with the file.
TierFileContent Tiers::ContentOf(uint32_t group) const {
  TierFileContent content;
  uint64_t hash = 0;
  for (uint64_t id = 0; id < source_.record_count; ++id) {
    if (GroupOf(source_, id) != group) continue;
    const kl_bank_record& record = source_.records[id];
    const uint64_t facts[3] = {record.checksum, record.piece_count,
                               record.piece_count > 0 ? record.pieces[0].bytes : 0};
    hash = kl_checksum64(facts, sizeof facts, hash);
    ++content.block_count;
    if (record.piece_count == 1) {
      content.stride_bytes =
          std::max(content.stride_bytes, RoundUp(record.pieces[0].bytes, kBlockBytes));
    }
  }
  content.fingerprint = hash;
  return content;
}

// Only what can be verified when it is read.
bool Tiers::MayBeCopied(uint32_t record) const {
  return source_.records[record].piece_count == 1 && source_.records[record].has_checksum != 0;
}

void Tiers::OpenFiles(const record_bank::PlacesSetting& setting) {
  const uint32_t group_count = GroupCount(source_);
  std::vector<uint32_t> next(group_count, 0);
  std::vector<uint64_t> copyable(group_count, 0);
  number_.resize(source_.record_count);
  is_copied_.assign(source_.record_count, 0);
  for (uint32_t id = 0; id < source_.record_count; ++id) {
    const uint32_t group = GroupOf(source_, id);
    number_[id] = next[group]++;
    copyable[group] += MayBeCopied(id);
  }
  std::vector<LevelBlocks> wants(group_count);
  std::vector<TierFileContent> contents;
  for (uint32_t group = 0; group < group_count; ++group) {
    contents.push_back(ContentOf(group));
    const record_bank::GroupPlan& plan = setting.plan.groups[group];
    wants[group].block_count = plan.slot_count < plan.record_count ? copyable[group] : 0;
    wants[group].block_bytes = contents[group].stride_bytes;
    wants[group].file_bytes = TierFile::EmptyBytes(contents[group].block_count);
  }
  std::vector<Directory> directories;
  for (const Folder& folder : folders_) {
    directories.push_back({folder.budget_bytes, folder.holds_own_file});
  }
  const auto counts = PlaceLevels(wants, directories);
  levels_.resize(group_count);
  for (uint32_t group = 0; group < group_count; ++group) {
    for (size_t i = 0; i < folders_.size(); ++i) {
      if (counts[group][i] == 0) {
        // The level belonged there once, with other budgets.
        TierFile::Remove(folders_[i].path + "/" + NameOf(source_.paths[0], group));
        continue;
      }
      OpenFile(folders_[i], group, counts[group][i], contents[group], setting);
    }
  }
  for (uint32_t id = 0; id < source_.record_count; ++id) {
    for (const Level& level : levels_[GroupOf(source_, id)]) {
      if (level.file->Find(number_[id]) != 0) is_copied_[id] = 1;
    }
  }
}

// A directory that cannot be used costs time, not answers.
void Tiers::OpenFile(const Folder& folder, uint32_t group, uint64_t most_count,
                     const TierFileContent& content, const record_bank::PlacesSetting& setting) {
  const std::string path = folder.path + "/" + NameOf(source_.paths[0], group);
  kl_error why = {sizeof why, KL_OK, {}};
  std::unique_ptr<TierFile> file;
  if (TierFile::Open(path, content, static_cast<uint32_t>(most_count), &file, &why) != KL_OK) {
    Warn(std::string(why.message) + "; blocks of this level are not copied there");
    return;
  }
  const int descriptor = file->OpenForReading(setting.reader->direct());
  if (descriptor < 0) {
    Warn(path + ": " + strerror(errno) + "; its blocks are read from the bank's own file");
    return;
  }
  if (!file->writable()) {
    Warn(path + ": another process fills it, or it cannot be written; it is used as it is");
  }
  const uint32_t in_files = setting.files->AddOwn(path, descriptor);
  const bool filling = file->writable();
  levels_[group].push_back({folder.tier, in_files, std::move(file), filling});
}

bool Tiers::Find(uint32_t record, kl_bank_piece* piece, uint32_t* tier) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!MayBeCopied(record)) return false;
  for (const Level& level : levels_[GroupOf(source_, record)]) {
    const uint64_t offset = level.file->Find(number_[record]);
    if (offset == 0) continue;
    *piece = {level.in_files, 0, offset, source_.records[record].pieces[0].bytes};
    *tier = level.tier;
    return true;
  }
  return false;
}

void Tiers::Forget(uint32_t record) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Level& level : levels_[GroupOf(source_, record)]) level.file->Forget(number_[record]);
  is_copied_[record] = 0;
}

void Tiers::OnRead(uint32_t record) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (is_copied_[record] != 0 || !MayBeCopied(record)) return;
  for (Level& level : levels_[GroupOf(source_, record)]) {
    if (!level.filling) continue;
    const uint32_t place = level.file->Reserve();
    if (place == TierFile::kNowhere) continue;
    const bool asked = copier_->Ask({source_.records[record].pieces[0], level.file.get(), place,
                                     record, number_[record], level.file->TakeForgotten()});
    if (!asked) level.file->GiveBack(place);
    is_copied_[record] = asked;
    return;
  }
}

void Tiers::SetBusy(bool busy) { copier_->SetBusy(busy); }

void Tiers::OnCopied(const Copy& copy, Copier::End end, int error) {
  std::string trouble;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (end == Copier::End::kCopied) return copy.file->Publish(copy.place, copy.block);
    copy.file->GiveBack(copy.place);
    is_copied_[copy.record] = 0;
    if (end == Copier::End::kNotWritten) {
      for (Level& level : levels_[GroupOf(source_, copy.record)]) {
        if (level.file.get() == copy.file) level.filling = false;
      }
      trouble = copy.file->path() + ": " + strerror(error) + "; no more blocks are copied there";
    }
  }
  if (!trouble.empty()) Warn(trouble);
}

std::string Tiers::Describe(uint32_t group) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text;
  for (const Level& level : levels_[group]) {
    for (const Folder& folder : folders_) {
      if (folder.tier != level.tier) continue;
      text += ", " + std::to_string(level.file->copy_count()) + " of at most " +
              std::to_string(level.file->most_count()) + " copied to " + folder.path;
    }
  }
  return text;
}

void Tiers::Warn(const std::string& text) const {
  if (host_ != nullptr && host_->log != nullptr) {
    host_->log(host_, KL_LOG_WARNING, ("memory_bank: " + text).c_str());
  }
}

}  // namespace memory_bank
