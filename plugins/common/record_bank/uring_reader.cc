// io_uring: one thread that submits what the bank asks for and reaps what storage delivers.
//
// It sleeps in io_uring_enter until a read ends or Start() writes to the eventfd, whose poll is one
// of the operations of the ring. Submitting is the thread's business too: pinning the pages of a
// 2 MB read costs some 100 microseconds, which the caller of submit() does not have.
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "plugins/common/record_bank/read_queue.h"
#include "plugins/common/record_bank/reader.h"
#include "plugins/common/record_bank/threads.h"

namespace record_bank {
namespace {

// Between two tries when the kernel takes no requests (EAGAIN, EBUSY).
constexpr unsigned kBusyWaitMicroseconds = 200;

class UringReader final : public Reader {
 public:
  UringReader() = default;
  ~UringReader() override {
    if (threads_.size() > 0) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        ending_ = true;
      }
      Wake();
      threads_.Join();
    }
    if (wake_ >= 0) close(wake_);
    if (has_ring_) io_uring_queue_exit(&ring_);
  }

  // 0 or an errno. `depth` + 1 entries: the eventfd's poll is one.
  int Init(uint32_t depth) {
    depth_ = depth;
    const int refused = io_uring_queue_init(depth + 1, &ring_, 0);
    if (refused < 0) return -refused;
    has_ring_ = true;
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) return errno;
    return threads_.Start(&Body, this);
  }

  void Start(Read* read) override {
    bool was_empty;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      was_empty = queue_.empty();
      queue_.Push(read);
    }
    // A queue that had something in it has woken the thread already.
    if (was_empty) Wake();
  }
  const char* name() const override { return "io_uring"; }
  bool direct() const override { return true; }

 private:
  static void* Body(void* self) {
    AskForShortSlices();
    static_cast<UringReader*>(self)->Serve();
    return nullptr;
  }

  void Wake() {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the thread is woken anyway.
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
  }

  void Serve() {
    bool polling = false;
    for (;;) {
      if (!polling) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry != nullptr) {
          io_uring_prep_poll_add(entry, wake_, POLLIN);
          io_uring_sqe_set_data(entry, nullptr);
          polling = true;
        }
      }
      const bool ending = FillRing();
      if (ending && under_way_ == 0) return;
      const int submitted = io_uring_submit_and_wait(&ring_, 1);
      // The kernel is short of memory, or its completion queue is full: reaping helps, or time.
      if (submitted < 0 && submitted != -EINTR) usleep(kBusyWaitMicroseconds);
      Reap(&polling);
    }
  }

  // Turns queued reads into ring entries. Returns whether the reader is ending.
  bool FillRing() {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (under_way_ < depth_ && !queue_.empty()) {
      io_uring_sqe* entry = io_uring_get_sqe(&ring_);
      if (entry == nullptr) break;
      Read* read = queue_.Pop();
      io_uring_prep_read(entry, read->descriptor, read->data, read->bytes, read->offset);
      io_uring_sqe_set_data(entry, read);
      ++under_way_;
    }
    return ending_;
  }

  void Reap(bool* polling) {
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring_, &completion) == 0) {
      auto* read = static_cast<Read*>(io_uring_cqe_get_data(completion));
      const int result = completion->res;
      io_uring_cqe_seen(&ring_, completion);
      if (read == nullptr) {
        uint64_t count;
        [[maybe_unused]] const ssize_t got = ::read(wake_, &count, sizeof count);
        *polling = false;
        continue;
      }
      --under_way_;
      read->result = result;
      read->done(read);
    }
  }

  io_uring ring_ = {};
  bool has_ring_ = false;
  int wake_ = -1;
  uint32_t depth_ = 1;
  uint32_t under_way_ = 0;  // the thread's own
  std::mutex mutex_;
  ReadQueue queue_;
  bool ending_ = false;
  Threads threads_;
};

}  // namespace

std::unique_ptr<Reader> MakeUringReader(uint32_t depth, std::string* why_not) {
  auto reader = std::make_unique<UringReader>();
  const int error = reader->Init(depth);
  if (error == 0) return reader;
  *why_not = std::string("the kernel refuses io_uring: ") + strerror(error);
  return nullptr;
}

}  // namespace record_bank
