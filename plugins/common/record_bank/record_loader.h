// From a record's number to its content in a slot: reads its ranges, tries again what failed,
// verifies, unpacks.
//
//   bank: Start(slot, id) -> reads of all pieces, at once -> reader's threads: OnRead()
//         -> all there -> a finisher thread: changed? verify, unpack -> LoadSink::OnLoaded(slot)
//
// A read that fails (EIO, say) and a record whose checksum is wrong are tried once more; a short
// read goes on where it stopped; a file that ended, or was written to, fails at once. Wrong bytes
// never get as far as OnLoaded(KL_OK): that is this file's reason to be.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_LOADER_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_LOADER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/abi/bank.h"
#include "plugins/common/record_bank/files.h"
#include "plugins/common/record_bank/mapped_memory.h"
#include "plugins/common/record_bank/reader.h"
#include "plugins/common/record_bank/record_layout.h"
#include "plugins/common/record_bank/threads.h"

namespace record_bank {

class LoadSink {
 public:
  virtual ~LoadSink() = default;
  // On a thread of the reader or loader, which holds no lock. `error` is read when code != KL_OK.
  virtual void OnLoaded(uint32_t slot, kl_code code, const kl_error& error) = 0;
  // Something to tell people, once.
  virtual void OnWarning(const char* message) = 0;
};

// Where a record goes.
struct Target {
  uint32_t slot = 0;
  uint64_t id = 0;
  uint8_t* data = nullptr;        // slot_stride bytes
  const void** pieces = nullptr;  // most_pieces places: where each piece is, or null for none
  // A copy of the record, of one piece, which is read instead and verified in any case.
  bool is_copy = false;
  kl_bank_piece copy = {};
};

class RecordLoader {
 public:
  // All outlive the loader. Nothing is under way when it is destroyed.
  RecordLoader(const kl_bank_source& source, const Layout& layout, const Files& files,
               Reader* reader, LoadSink* sink);
  ~RecordLoader();
  RecordLoader(const RecordLoader&) = delete;
  RecordLoader& operator=(const RecordLoader&) = delete;

  // job_count records at a time; thread_count threads verify and unpack. KL_OUT_OF_MEMORY.
  kl_code Init(uint32_t job_count, uint32_t thread_count, kl_bank_verify verify, kl_error* error);

  // False when job_count records are under way; never waits. Thread safe, as what follows.
  bool Start(const Target& target);

  uint64_t read_bytes() const { return read_bytes_.load(std::memory_order_relaxed); }
  uint64_t retry_count() const { return retry_count_.load(std::memory_order_relaxed); }
  uint64_t checksum_failure_count() const {
    return checksum_failure_count_.load(std::memory_order_relaxed);
  }

 private:
  struct Job;
  struct RangeRead {
    Read read;
    Job* job = nullptr;
    Range range = {};
    uint8_t* data = nullptr;  // of the range
    uint64_t done_bytes = 0;  // from the range's start, whole blocks
    int failures = 0;
    int refusals = 0;  // EAGAIN, EINTR
    std::chrono::steady_clock::time_point first_refusal;
  };
  struct Job {
    RecordLoader* loader = nullptr;
    Target target;
    const kl_bank_record* record = nullptr;
    const kl_bank_piece* pieces = nullptr;  // the record's, or the copy's
    uint8_t* buffer = nullptr;              // null: ranges are read into the slot
    int attempt = 0;
    std::atomic<uint32_t> reads_left{0};
    std::atomic<bool> failed{false};
    kl_error error = {};  // set by whoever set `failed`
    Job* next = nullptr;
    RangeRead reads[KL_BANK_MAX_PIECES];
  };

  static void OnRead(Read* read);
  static void* FinisherBody(void* self);
  void StartReads(Job* job);
  void Continue(RangeRead* range_read);
  void Arrived(RangeRead* range_read);
  void Fail(RangeRead* range_read, kl_code code, const char* what);
  void AllArrived(Job* job);
  bool NeedsChecksum(const Job& job) const;
  void Finish(Job* job);
  kl_code CheckFiles(const Job& job, bool* changed, kl_error* error);
  kl_code MakeContent(Job* job, const void* const* pieces, kl_error* error);
  void End(Job* job, kl_code code, const kl_error& error);
  void Serve();

  const kl_bank_source& source_;
  const Layout& layout_;
  const Files& files_;
  Reader* const reader_;
  LoadSink* const sink_;
  kl_bank_verify verify_ = KL_BANK_VERIFY_ALWAYS;

  std::unique_ptr<Job[]> jobs_;
  MappedMemory buffers_;
  std::vector<uint8_t> verified_;  // KL_BANK_VERIFY_FIRST: of a record; one job of it at a time
  std::atomic<bool> warned_{false};

  std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  Job* free_ = nullptr;
  Job* first_arrived_ = nullptr;
  Job* last_arrived_ = nullptr;
  bool ending_ = false;
  Threads threads_;

  std::atomic<uint64_t> read_bytes_{0};
  std::atomic<uint64_t> retry_count_{0};
  std::atomic<uint64_t> checksum_failure_count_{0};
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_LOADER_H_
