// What the system says about how short memory is: the limits of this process's control groups, and pressure stall
// information.
//
//   control groups, version 2   memory.current, memory.stat against memory.max and memory.high; memory.pressure
//                   version 1   memory.usage_in_bytes, memory.stat against memory.limit_in_bytes
//   the whole system            /proc/pressure/memory, heeded only where /proc/meminfo agrees that little is left: other
//                               groups that run into limits of their own count in it, and giving way helps them nothing
//
// A group's limit binds all below it, so every group from this process's own up to the root is looked at.
#ifndef KINGLET_CORE_MEMORY_MEMORY_PRESSURE_H_
#define KINGLET_CORE_MEMORY_MEMORY_PRESSURE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet {

struct PressureReading {
  // Of the group that is nearest to its limit; UINT64_MAX: none has one.
  uint64_t limit_bytes = UINT64_MAX;
  // What it uses, without the file cache that goes first when memory is short.
  uint64_t used_bytes = 0;
  // Part of the time since the reading before in which somebody waited for memory: 0..1.
  double stalled = 0;
};

// One thread at a time. Files that are missing, refused or not understood count as "no pressure".
class MemoryPressure {
 public:
  // `root` is what /proc and /sys are below; "" is the system's own.
  explicit MemoryPressure(const std::string& root);

  // Reads a handful of small files, which takes some tens of microseconds: not for every token. now_ns: a steady clock.
  PressureReading Read(int64_t now_ns);

  // For people: "cgroup v1, /proc/pressure/memory"; "nothing" where the system says nothing.
  const std::string& sources() const { return sources_; }

 private:
  struct Group {
    std::string folder;
    bool unified = false;  // version 2
  };

  void FindGroups(const std::string& root);
  void ReadGroup(const Group& group, PressureReading* reading) const;
  bool LittleIsLeft() const;

  std::vector<Group> groups_;  // the process's own first; those with a limit file
  std::string stall_file_;     // empty: none
  std::string memory_file_;    // /proc/meminfo, where stall_file_ is the whole system's; else empty
  std::string sources_;
  bool read_before_ = false;
  uint64_t last_stall_us_ = 0;
  int64_t last_ns_ = 0;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_MEMORY_PRESSURE_H_
