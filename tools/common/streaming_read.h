// The memory-bandwidth roof: how fast this machine streams through memory right now.
#ifndef KINGLET_TOOLS_COMMON_STREAMING_READ_H_
#define KINGLET_TOOLS_COMMON_STREAMING_READ_H_

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace kinglet::tools {

// A buffer much larger than the caches, on huge pages where the system has them, as weights are.
// One thread at a time.
class StreamingRead {
 public:
  static constexpr uint64_t kBytes = uint64_t{128} << 20;

  // NULL when the memory is not there.
  static std::unique_ptr<StreamingRead> Create(int thread_count);

  // Bytes a second of the best of `passes` passes over the buffer in each of two ways, each thread reading a
  // share of its own. About 15 ms a pass.
  double Measure(int passes = 3);

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  StreamingRead(void* memory, int thread_count) : memory_(memory), thread_count_(thread_count) {}
  int64_t ReadOnce(bool fetch_ahead);

  const std::unique_ptr<void, Free> memory_;
  const int thread_count_;
  volatile uint64_t sink_ = 0;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_STREAMING_READ_H_
