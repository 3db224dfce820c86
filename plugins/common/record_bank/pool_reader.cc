// pread on a pool of threads, direct or through the page cache.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "plugins/common/record_bank/read_queue.h"
#include "plugins/common/record_bank/reader.h"
#include "plugins/common/record_bank/threads.h"

namespace record_bank {
namespace {

class PoolReader final : public Reader {
 public:
  explicit PoolReader(bool direct) : direct_(direct) {}
  ~PoolReader() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    threads_.Join();
  }

  // At least one thread, or the errno that kept the first from starting.
  int StartThreads(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const int error = threads_.Start(&Body, this);
      if (error != 0) return i == 0 ? error : 0;
    }
    return 0;
  }

  void Start(Read* read) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      queue_.Push(read);
    }
    wake_.notify_one();
  }
  const char* name() const override { return direct_ ? "pread" : "buffered"; }
  bool direct() const override { return direct_; }

 private:
  static void* Body(void* self) {
    AskForShortSlices();
    static_cast<PoolReader*>(self)->Serve();
    return nullptr;
  }

  void Serve() {
    for (;;) {
      Read* read = nullptr;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        read = queue_.Pop();
        if (read == nullptr) return;
      }
      const ssize_t got =
          pread(read->descriptor, read->data, read->bytes, static_cast<off_t>(read->offset));
      read->result = got < 0 ? -errno : got;
      // The cache of the bank is the only one: what the kernel keeps of it would be there twice.
      if (!direct_) {
        posix_fadvise(read->descriptor, static_cast<off_t>(read->offset), read->bytes,
                      POSIX_FADV_DONTNEED);
      }
      read->done(read);
    }
  }

  const bool direct_;
  std::mutex mutex_;
  std::condition_variable wake_;
  ReadQueue queue_;
  bool ending_ = false;
  Threads threads_;
};

}  // namespace

uint32_t ThreadsOfPool(uint32_t depth) { return std::clamp(depth, 1u, kMostPoolThreads); }

std::unique_ptr<Reader> MakePoolReader(uint32_t depth, bool direct, std::string* why_not) {
  auto reader = std::make_unique<PoolReader>(direct);
  const int error = reader->StartThreads(ThreadsOfPool(depth));
  if (error == 0) return reader;
  *why_not = std::string("no thread could be started: ") + strerror(error);
  return nullptr;
}

}  // namespace record_bank
