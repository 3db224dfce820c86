#include "plugins/common/record_bank/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/abi/error.h"

namespace record_bank {
namespace {

// A kl_error has room for 255 characters, and the rest of the message is worth more than a folder.
constexpr size_t kMostPathCharacters = 80;

}  // namespace

std::string ShortPath(const std::string& path) {
  if (path.size() <= kMostPathCharacters) return path;
  return "..." + path.substr(path.size() - kMostPathCharacters + 3);
}

Files::~Files() { Close(); }

void Files::Close() {
  for (const File& file : files_) close(file.descriptor);
  files_.clear();
}

kl_code Files::Open(const char* const* paths, uint32_t count, bool direct, kl_error* error) {
  Close();
  files_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    File file = {paths[i], -1, {}, false};
    file.descriptor = open(paths[i], O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
    if (file.descriptor < 0) {
      const int reason = errno;
      const kl_code code = direct && reason == EINVAL              ? KL_UNSUPPORTED
                           : reason == ENOENT || reason == ENOTDIR ? KL_NOT_FOUND
                                                                   : KL_IO_ERROR;
      return kl_fail(
          error, code, "%s: %s", ShortPath(file.path).c_str(),
          code == KL_UNSUPPORTED ? "its file system refuses O_DIRECT" : strerror(reason));
    }
    if (fstat(file.descriptor, &file.opened) != 0 || !S_ISREG(file.opened.st_mode)) {
      close(file.descriptor);
      return kl_fail(error, KL_IO_ERROR, "%s: is no regular file", ShortPath(file.path).c_str());
    }
    // Records are read whole and in no order: reading ahead would read what nobody asked for.
    if (!direct) posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_RANDOM);
    files_.push_back(std::move(file));
  }
  return KL_OK;
}

uint32_t Files::AddOwn(const std::string& path, int descriptor) {
  files_.push_back({path, descriptor, {}, true});
  fstat(descriptor, &files_.back().opened);
  return count() - 1;
}

std::string Files::ShortName(uint32_t file) const { return ShortPath(files_[file].path); }

std::string Files::Change(uint32_t file) const {
  if (files_[file].own) return "";
  const struct stat& before = files_[file].opened;
  struct stat now;
  if (fstat(files_[file].descriptor, &now) != 0) return std::string("fstat: ") + strerror(errno);
  if (now.st_size != before.st_size) {
    return "has " + std::to_string(now.st_size) + " bytes, and had " +
           std::to_string(before.st_size) + " when it was opened";
  }
  if (now.st_mtim.tv_sec != before.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
    return "was written to since it was opened";
  }
  return "";
}

bool Files::Replaced(uint32_t file) const {
  struct stat now;
  return stat(files_[file].path.c_str(), &now) != 0 || now.st_dev != files_[file].opened.st_dev ||
         now.st_ino != files_[file].opened.st_ino;
}

}  // namespace record_bank
