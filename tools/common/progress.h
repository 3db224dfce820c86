// A progress line on stderr: only on a terminal, redrawn at most ten times a second, gone when
// done.
#ifndef KINGLET_TOOLS_COMMON_PROGRESS_H_
#define KINGLET_TOOLS_COMMON_PROGRESS_H_

#include <cstdint>
#include <string>

namespace kinglet::tools {

// Not thread safe.
class Progress {
 public:
  Progress();  // shows nothing unless stderr is a terminal
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(const std::string& what, uint64_t done, uint64_t total);
  void Clear();

 private:
  bool enabled_;
  bool visible_ = false;
  int64_t start_ns_;
  int64_t last_ns_ = 0;
};

// Monotonic clock.
int64_t NowNs();

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_PROGRESS_H_
