// Reading whole files and writing files that appear only when they are complete.
#ifndef KINGLET_TOOLS_COMMON_FILES_H_
#define KINGLET_TOOLS_COMMON_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/common/report.h"

namespace kinglet::tools {

// All of a file, or of standard input when path is "-".
Failure ReadWholeFile(const std::string& path, std::string* content);
// At most the first `limit` bytes.
Failure ReadFileHead(const std::string& path, uint64_t limit, std::string* content);

// A file under construction. It lies beside its goal under a name of its own and is renamed by
// Commit(); an AtomicFile that is destroyed before that leaves nothing behind. A device or a pipe
// (/dev/stdout) is not replaced but written to, from its beginning to its end.
class AtomicFile {
 public:
  AtomicFile() = default;
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  Failure Open(const std::string& path);
  // Appends. One thread at a time.
  Failure Append(const void* data, size_t bytes);
  // Writes at an offset; any number of threads.
  Failure WriteAt(uint64_t offset, const void* data, size_t bytes);
  // Sets the file's length and asks for its space, so that a full disk shows before the work
  // starts.
  Failure Reserve(uint64_t bytes);
  Failure Commit();

 private:
  Failure SystemFailure(const char* what) const;

  std::string path_;
  std::string temporary_path_;
  int descriptor_ = -1;
  uint64_t length_ = 0;
  bool in_place_ = false;  // a device or a pipe
};

// All of a small file at once, by way of an AtomicFile.
Failure WriteWholeFile(const std::string& path, const std::string& content);

// The folder that holds the running program, links resolved; empty when unknown.
std::string ProgramFolder();

bool FileExists(const std::string& path);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_FILES_H_
