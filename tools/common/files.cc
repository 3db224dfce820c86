#include "tools/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace kinglet::tools {

Failure ReadWholeFile(const std::string& path, std::string* content) {
  return ReadFileHead(path, UINT64_MAX, content);
}

Failure ReadFileHead(const std::string& path, uint64_t limit, std::string* content) {
  content->clear();
  const bool standard_input = path == "-";
  const int descriptor = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int code = errno == ENOENT ? kExitNoInput : kExitIo;
    return {code, absl::StrCat("cannot open ", path, ": ", std::strerror(errno))};
  }
  Failure failure;
  char buffer[65536];
  while (content->size() < limit) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(sizeof buffer, limit - content->size()));
    const ssize_t count = read(descriptor, buffer, wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      failure = {kExitIo, absl::StrCat("cannot read ", path, ": ", std::strerror(errno))};
    }
    if (count <= 0) break;
    content->append(buffer, static_cast<size_t>(count));
  }
  if (!standard_input) close(descriptor);
  return failure;
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  if (!in_place_) unlink(temporary_path_.c_str());
}

Failure AtomicFile::SystemFailure(const char* what) const {
  return {kExitIo, absl::StrCat("cannot ", what, " ", path_, ": ", std::strerror(errno))};
}

Failure AtomicFile::Open(const std::string& path) {
  path_ = path;
  struct stat facts;
  in_place_ = stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode);
  if (in_place_) {
    descriptor_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    return descriptor_ < 0 ? SystemFailure("open") : Success();
  }
  const std::string pattern = absl::StrCat(path, ".part-XXXXXX");
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) return SystemFailure("create");
  temporary_path_ = name.data();
  const mode_t mask = umask(0);
  umask(mask);
  if (fchmod(descriptor_, 0666 & ~mask) != 0) return SystemFailure("set the mode of");
  return Success();
}

Failure AtomicFile::Append(const void* data, size_t bytes) {
  Failure failure = WriteAt(length_, data, bytes);
  length_ += bytes;
  return failure;
}

Failure AtomicFile::WriteAt(uint64_t offset, const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = in_place_
                                ? write(descriptor_, next, bytes)
                                : pwrite(descriptor_, next, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return SystemFailure("write");
    next += written;
    offset += static_cast<uint64_t>(written);
    bytes -= static_cast<size_t>(written);
  }
  return Success();
}

Failure AtomicFile::Reserve(uint64_t bytes) {
  if (in_place_) return Success();
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return SystemFailure("enlarge");
  const int code = posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes));
  if (code == ENOSPC || code == EFBIG) {
    errno = code;
    return SystemFailure("find space for");
  }
  return Success();  // other file systems cannot reserve; writing will tell
}

Failure AtomicFile::Commit() {
  if (in_place_) {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return close(descriptor) == 0 ? Success() : SystemFailure("write");
  }
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) return SystemFailure("write");
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) return SystemFailure("create");
  close(descriptor_);
  descriptor_ = -1;
  return Success();
}

Failure WriteWholeFile(const std::string& path, const std::string& content) {
  AtomicFile file;
  Failure failure = file.Open(path);
  if (failure.ok()) failure = file.Append(content.data(), content.size());
  return failure.ok() ? file.Commit() : failure;
}

std::string ProgramFolder() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return "";
  const std::string full(path, static_cast<size_t>(length));
  return full.substr(0, full.rfind('/'));
}

bool FileExists(const std::string& path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0;
}

}  // namespace kinglet::tools
