#include "tools/common/progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace kinglet::tools {
namespace {

constexpr int64_t kFirstAfterNs = 300'000'000;  // what is over sooner needs no line
constexpr int64_t kEveryNs = 100'000'000;

}  // namespace

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Progress::Progress() : enabled_(isatty(STDERR_FILENO) == 1), start_ns_(NowNs()) {}

void Progress::Show(const std::string& what, uint64_t done, uint64_t total) {
  if (!enabled_) return;
  const int64_t now = NowNs();
  if (now - start_ns_ < kFirstAfterNs || now - last_ns_ < kEveryNs) return;
  last_ns_ = now;
  visible_ = true;
  const double percent =
      total == 0 ? 0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
  std::fprintf(stderr, "\r\033[K%s %3.0f %%", what.c_str(), percent);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (visible_) std::fputs("\r\033[K", stderr);
  visible_ = false;
  start_ns_ = NowNs();
}

}  // namespace kinglet::tools
