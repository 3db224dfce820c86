// A reader that makes another one fail as a test asks for. Test only.
//
//   hold     reads wait in a queue until Let() lets some through: a disk that hangs
//   script   what happens to the n-th read that goes through: an errno, a short read, wrong bytes
//
// Reads end on the inner reader's thread or on Let()'s caller. Thread safe.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_FAULT_READER_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_FAULT_READER_H_

#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "plugins/common/record_bank/reader.h"
#include "plugins/common/record_bank/threads.h"

namespace record_bank {

struct Fault {
  int error = 0;            // -error is the read's result
  int64_t most_bytes = -1;  // the read is cut short
  bool flip_bit = false;    // in the middle of what was read
};

class FaultReader final : public Reader {
 public:
  explicit FaultReader(std::unique_ptr<Reader> inner) : inner_(std::move(inner)) {
    threads_.Start(&Body, this);
  }
  ~FaultReader() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    threads_.Join();
  }

  void Start(Read* read) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(read);
    wake_.notify_all();
  }
  const char* name() const override { return inner_->name(); }
  bool direct() const override { return inner_->direct(); }

  // The next reads that go through have these faults, in order; later ones have none.
  void Script(std::vector<Fault> faults) {
    const std::lock_guard<std::mutex> lock(mutex_);
    script_.assign(faults.begin(), faults.end());
  }
  // All reads from now on fail, until a fault without an error.
  void Always(Fault fault) {
    const std::lock_guard<std::mutex> lock(mutex_);
    always_ = fault;
  }
  // Nothing goes through but what Let() allows.
  void Hold() {
    const std::lock_guard<std::mutex> lock(mutex_);
    allowed_ = 0;
  }
  void Let(int64_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    allowed_ += count;
    wake_.notify_all();
  }
  void LetAll() { Let(kUnlimited / 2); }
  size_t waiting() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return waiting_.size();
  }

 private:
  static constexpr int64_t kUnlimited = int64_t{1} << 60;

  static void* Body(void* self) {
    static_cast<FaultReader*>(self)->Serve();
    return nullptr;
  }
  void Serve() {
    for (;;) {
      Read* read = nullptr;
      Fault fault;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return ending_ || (!waiting_.empty() && allowed_ > 0); });
        if (ending_) return;
        --allowed_;
        read = waiting_.front();
        waiting_.pop_front();
        fault = always_;
        if (!script_.empty()) {
          fault = script_.front();
          script_.pop_front();
        }
      }
      RunOne(read, fault);
    }
  }
  // The inner read, seen to its end, then spoilt.
  void RunOne(Read* read, const Fault& fault) {
    Read inner = *read;
    std::pair<std::mutex, std::condition_variable> over;
    bool done = false;
    struct Owner {
      std::pair<std::mutex, std::condition_variable>* over;
      bool* done;
    } owner = {&over, &done};
    inner.owner = &owner;
    inner.done = [](Read* self) {
      auto* of = static_cast<Owner*>(self->owner);
      const std::lock_guard<std::mutex> lock(of->over->first);
      *of->done = true;
      of->over->second.notify_all();
    };
    inner_->Start(&inner);
    {
      std::unique_lock<std::mutex> lock(over.first);
      over.second.wait(lock, [&done] { return done; });
    }
    read->result = inner.result;
    if (fault.error != 0) {
      read->result = -fault.error;
      memset(read->data, 0xEE, read->bytes);
    } else if (fault.most_bytes >= 0 && read->result > fault.most_bytes) {
      memset(static_cast<char*>(read->data) + fault.most_bytes, 0xEE,
             static_cast<size_t>(read->result - fault.most_bytes));
      read->result = fault.most_bytes;
    } else if (fault.flip_bit && read->result > 0) {
      static_cast<char*>(read->data)[read->result / 2] ^= 1;
    }
    read->done(read);
  }

  const std::unique_ptr<Reader> inner_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Read*> waiting_;
  std::deque<Fault> script_;
  Fault always_;
  int64_t allowed_ = kUnlimited;
  bool ending_ = false;
  Threads threads_;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_FAULT_READER_H_
