// A file that lives in memory and has a path: for tests and fuzz targets that load thousands of small ones.
#ifndef TESTS_SUPPORT_MEMORY_FILE_H_
#define TESTS_SUPPORT_MEMORY_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace kinglet {

class MemoryFile {
 public:
  explicit MemoryFile(const std::string& contents) : descriptor_(memfd_create("kinglet", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
    for (size_t done = 0; done < contents.size();) {
      const ssize_t written = write(descriptor_, contents.data() + done, contents.size() - done);
      if (written <= 0) std::abort();
      done += static_cast<size_t>(written);
    }
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace kinglet

#endif  // TESTS_SUPPORT_MEMORY_FILE_H_
