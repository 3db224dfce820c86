// The files of a bank: open, known by size and time, watched for changes.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_FILES_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_FILES_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/types.h"

namespace record_bank {

// The end of a path, short enough to leave a kl_error's message room for what is wrong with it.
std::string ShortPath(const std::string& path);

// Thread safe once open.
class Files {
 public:
  Files() = default;
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Opens all of them. KL_UNSUPPORTED when `direct` and a file system refuses O_DIRECT;
  // KL_NOT_FOUND, KL_IO_ERROR.
  kl_code Open(const char* const* paths, uint32_t count, bool direct, kl_error* error);
  void Close();
  // One more, which the bank itself writes to: it does not count as changed. Takes the descriptor.
  // Returns its index. Before anything is read.
  uint32_t AddOwn(const std::string& path, int descriptor);

  uint32_t count() const { return static_cast<uint32_t>(files_.size()); }
  int descriptor(uint32_t file) const { return files_[file].descriptor; }
  uint64_t bytes(uint32_t file) const { return static_cast<uint64_t>(files_[file].opened.st_size); }
  // The end of its path that fits into a message.
  std::string ShortName(uint32_t file) const;

  // Empty while the file is what it was at Open(); else what happened to it. One system call.
  std::string Change(uint32_t file) const;
  // Whether another file lies at the path now. This one can still be read.
  bool Replaced(uint32_t file) const;

 private:
  struct File {
    std::string path;
    int descriptor;
    struct stat opened;
    bool own;
  };
  std::vector<File> files_;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_FILES_H_
