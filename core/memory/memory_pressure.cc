#include "core/memory/memory_pressure.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace kinglet {
namespace {

// Version 1 says "no limit" with a number close to 2^63.
constexpr uint64_t kNoLimit = uint64_t{1} << 62;
// Less available than this part of all memory is little.
constexpr uint64_t kLittle = 10;

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// The number that a file consists of; `otherwise` for "max", and when there is none.
uint64_t NumberIn(const std::string& path, uint64_t otherwise) {
  std::ifstream file(path);
  std::string word;
  uint64_t number = 0;
  return file >> word && absl::SimpleAtoi(word, &number) ? number : otherwise;
}

// The number behind a word at the start of a line.
uint64_t NumberAfter(const std::string& path, absl::string_view key, uint64_t otherwise) {
  std::ifstream file(path);
  std::string word, value;
  std::string rest;
  while (file >> word >> value) {
    uint64_t number = 0;
    if (word == key && absl::SimpleAtoi(value, &number)) return number;
    std::getline(file, rest);
  }
  return otherwise;
}

// Microseconds of "some avg10=0.00 avg60=0.00 avg300=0.00 total=37271574"; false when the file is not like that.
bool StallIn(const std::string& path, uint64_t* us) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const size_t at = line.find(" total=");
    if (line.compare(0, 5, "some ") != 0 || at == std::string::npos) continue;
    return absl::SimpleAtoi(line.substr(at + 7), us);
  }
  return false;
}

}  // namespace

MemoryPressure::MemoryPressure(const std::string& root) {
  FindGroups(root);
  std::vector<std::string> sources;
  if (!groups_.empty()) sources.push_back(groups_[0].unified ? "cgroup v2" : "cgroup v1");
  // The own group's stalls are what giving way can help.
  for (const Group& group : groups_) {
    const std::string file = group.folder + "/memory.pressure";
    if (!stall_file_.empty() || !group.unified || !Exists(file)) continue;
    stall_file_ = file;
    sources.push_back("memory.pressure");
  }
  if (stall_file_.empty() && Exists(root + "/proc/pressure/memory")) {
    stall_file_ = root + "/proc/pressure/memory";
    memory_file_ = root + "/proc/meminfo";
    sources.push_back("/proc/pressure/memory");
  }
  sources_ = sources.empty() ? "nothing" : absl::StrJoin(sources, ", ");
}

void MemoryPressure::FindGroups(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    // "4:memory:/path" in version 1, "0::/path" in version 2.
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    const bool unified = fields[1].empty();
    if (!unified && std::find(controllers.begin(), controllers.end(), "memory") == controllers.end()) continue;
    const std::vector<std::string> mounts =
        unified ? std::vector<std::string>{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
                : std::vector<std::string>{"/sys/fs/cgroup/memory"};
    for (const std::string& mount : mounts) {
      // A container may see its group as the root of the mount while the path is still the host's: going up finds it.
      for (std::string path = fields[2];; path.resize(path.rfind('/'))) {
        while (!path.empty() && path.back() == '/') path.pop_back();
        const std::string folder = absl::StrCat(root, mount, path);
        if (Exists(folder + (unified ? "/memory.max" : "/memory.limit_in_bytes"))) groups_.push_back({folder, unified});
        if (path.find('/') == std::string::npos) break;
      }
    }
  }
}

void MemoryPressure::ReadGroup(const Group& group, PressureReading* reading) const {
  uint64_t limit = 0, used = 0;
  if (group.unified) {
    limit = std::min(NumberIn(group.folder + "/memory.max", UINT64_MAX), NumberIn(group.folder + "/memory.high", UINT64_MAX));
    used = NumberIn(group.folder + "/memory.current", 0);
  } else {
    limit = NumberIn(group.folder + "/memory.limit_in_bytes", UINT64_MAX);
    used = NumberIn(group.folder + "/memory.usage_in_bytes", 0);
  }
  if (limit == 0 || limit >= kNoLimit) return;
  const uint64_t cache =
      NumberAfter(group.folder + "/memory.stat", group.unified ? "inactive_file" : "total_inactive_file", 0);
  used -= std::min(used, cache);
  const auto share = [](uint64_t a, uint64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  if (reading->limit_bytes != UINT64_MAX && share(used, limit) <= share(reading->used_bytes, reading->limit_bytes)) return;
  reading->limit_bytes = limit;
  reading->used_bytes = used;
}

bool MemoryPressure::LittleIsLeft() const {
  if (memory_file_.empty()) return true;  // the own group's stalls need no second witness
  const uint64_t total = NumberAfter(memory_file_, "MemTotal:", 0);
  return NumberAfter(memory_file_, "MemAvailable:", 0) < total / kLittle || total == 0;
}

PressureReading MemoryPressure::Read(int64_t now_ns) {
  PressureReading reading;
  for (const Group& group : groups_) ReadGroup(group, &reading);
  uint64_t stall_us = 0;
  if (stall_file_.empty() || !StallIn(stall_file_, &stall_us)) return reading;
  if (read_before_ && stall_us > last_stall_us_ && now_ns > last_ns_ && LittleIsLeft()) {
    const double stalled_ns = 1e3 * static_cast<double>(stall_us - last_stall_us_);
    reading.stalled = std::min(1.0, stalled_ns / static_cast<double>(now_ns - last_ns_));
  }
  read_before_ = true;
  last_stall_us_ = stall_us;
  last_ns_ = now_ns;
  return reading;
}

}  // namespace kinglet
