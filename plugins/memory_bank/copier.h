// Copies blocks from the bank's own file to tier files, on one thread, in quiet times.
//
//   Ask(copy) -> queue -> own file --reader, 1 MiB at a time--> tier file -> sync -> named ->
//   done()
//
// A block is copied after it was read for somebody: the bytes in its slot may be in a kernel's own
// layout by then, so it is read once more. Bytes are not verified here; whoever reads a copy does.
// A block that cannot be read is left alone. A tier file that cannot be written says so by done().
#ifndef KINGLET_PLUGINS_MEMORY_BANK_COPIER_H_
#define KINGLET_PLUGINS_MEMORY_BANK_COPIER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "core/abi/bank.h"
#include "plugins/common/record_bank/files.h"
#include "plugins/common/record_bank/mapped_memory.h"
#include "plugins/common/record_bank/reader.h"
#include "plugins/common/record_bank/threads.h"
#include "plugins/memory_bank/tier_file.h"

namespace memory_bank {

struct Copy {
  kl_bank_piece piece;  // in the own file
  TierFile* file;
  uint32_t place;  // reserved
  uint32_t record;
  uint32_t block;                   // the record's number within its level
  std::vector<uint32_t> forgotten;  // entries to be cleared before
};

class Copier {
 public:
  // Read at a time: large enough for a disk's full speed, small beside a block's slot.
  static constexpr uint32_t kChunkBytes = 1 << 20;

  enum class End { kCopied, kNotRead, kNotWritten, kStopped };
  // On the copier's thread, without its lock. `error`: an errno, for kNotWritten.
  using Done = std::function<void(const Copy& copy, End end, int error)>;

  // What it keeps in memory: a buffer and a thread.
  static uint64_t Bytes();

  // `files` and `reader` outlive it.
  Copier(const record_bank::Files& files, record_bank::Reader* reader, Done done);
  // Ends what is under way; what is queued is dropped without done().
  ~Copier();
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  // 0 or an errno.
  int Start();
  // False when the queue is full. Thread safe, as what follows; never waits.
  bool Ask(Copy copy);
  // While somebody waits for storage, nothing is copied.
  void SetBusy(bool busy);
  // Nothing is queued or under way.
  bool idle();

 private:
  static void* Body(void* self);
  void Serve();
  End Run(const Copy& copy, int* error);
  int64_t Read(int descriptor, uint64_t offset, uint32_t bytes);
  bool WaitForQuiet();

  const record_bank::Files& files_;
  record_bank::Reader* const reader_;
  const Done done_;
  record_bank::MappedMemory buffer_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Copy> queue_;
  bool busy_ = false;
  bool working_ = false;
  bool ending_ = false;
  bool read_is_over_ = false;
  record_bank::Threads threads_;
};

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_COPIER_H_
