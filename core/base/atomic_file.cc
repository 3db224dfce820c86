#include "core/base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// The rename itself must reach the disk too; a file system that cannot sync folders does without.
void SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

// mkostemp makes files that only their owner reads; the result shall look like any new file, or
// like the one that it replaces.
mode_t PermissionsFor(const std::string& path) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) == 0) return facts.st_mode & 0777;
  return 0644;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Create(absl::string_view path) {
  std::unique_ptr<AtomicFile> file(new AtomicFile);
  file->path_ = std::string(path);
  std::string pattern = absl::StrCat(path, ".XXXXXX");
  file->descriptor_ = mkostemp(pattern.data(), O_CLOEXEC);
  if (file->descriptor_ < 0) return file->Fail("create a temporary file beside it", errno);
  file->temporary_path_ = pattern;
  return file;
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

absl::Status AtomicFile::Fail(absl::string_view action, int error) {
  const std::string message = absl::StrCat(path_, ": cannot ", action, ": ", strerror(error),
                                           "; the file was left as it was");
  status_ = error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  return status_;
}

absl::Status AtomicFile::Write(const void* data, size_t bytes) {
  KL_RETURN_IF_ERROR(status_);
  if (descriptor_ < 0)
    return absl::FailedPreconditionError(absl::StrCat(path_, ": written after Commit()"));
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail("write", errno);
    next += written;
    bytes -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::WriteAt(uint64_t offset, const void* data, size_t bytes) {
  KL_RETURN_IF_ERROR(status_);
  if (descriptor_ < 0)
    return absl::FailedPreconditionError(absl::StrCat(path_, ": written after Commit()"));
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = pwrite(descriptor_, next, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail("write", errno);
    next += written;
    offset += static_cast<uint64_t>(written);
    bytes -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::SetLength(uint64_t bytes) {
  KL_RETURN_IF_ERROR(status_);
  if (descriptor_ < 0)
    return absl::FailedPreconditionError(absl::StrCat(path_, ": written after Commit()"));
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return Fail("set its length", errno);
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  KL_RETURN_IF_ERROR(status_);
  if (descriptor_ < 0)
    return absl::FailedPreconditionError(absl::StrCat(path_, ": committed twice"));
  if (fchmod(descriptor_, PermissionsFor(path_)) != 0) return Fail("set permissions", errno);
  if (fsync(descriptor_) != 0) return Fail("sync", errno);
  const int closed = close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) return Fail("close", errno);
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) return Fail("replace it", errno);
  temporary_path_.clear();
  SyncFolderOf(path_);
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(absl::string_view path, absl::string_view contents) {
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  KL_RETURN_IF_ERROR(file->Write(contents));
  return file->Commit();
}

}  // namespace kinglet
