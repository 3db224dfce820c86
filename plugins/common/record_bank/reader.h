// Reads of file ranges that end on another thread. One interface, three ways:
//
//   io_uring    O_DIRECT, one thread that submits and reaps: the fastest, and the cheapest in CPU
//   pread       O_DIRECT, a thread for each read under way: where io_uring is refused (containers)
//   buffered    pread through the page cache, dropped behind each read: where O_DIRECT is refused
//
//   bank --Start(read)--> reader . . . storage . . . reader's thread --read->done(read)--> bank
//
// A reader reports what the system call said, as it is: retrying is record_loader's business, so a
// reader that injects faults (fault_reader.h) has only this interface to imitate.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_READER_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "core/abi/types.h"

namespace record_bank {

// Offsets, sizes and memory of direct reads are multiples of this. Logical blocks are 512 or 4096.
inline constexpr uint64_t kBlockBytes = 4096;

struct Read {
  int descriptor = -1;
  uint64_t offset = 0;   // a multiple of kBlockBytes
  uint32_t bytes = 0;    // the same
  void* data = nullptr;  // kBlockBytes aligned
  // Called once, on a thread of the reader, without any lock of the reader's.
  void (*done)(Read* read) = nullptr;
  void* owner = nullptr;  // for done()
  // Set before done(): bytes read (fewer at the end of the file), or -errno.
  int64_t result = 0;
  Read* next = nullptr;  // the reader's own
};

class Reader {
 public:
  // Joins the threads; no read is under way.
  virtual ~Reader() = default;
  // Never waits for storage. `read` stays where it is until done(). Thread safe.
  virtual void Start(Read* read) = 0;
  virtual const char* name() const = 0;
  // Whether it wants descriptors opened with O_DIRECT.
  virtual bool direct() const = 0;
};

// At most `depth` reads are handed to the system at the same time. nullptr with a reason when the
// system refuses.
std::unique_ptr<Reader> MakeUringReader(uint32_t depth, std::string* why_not);
std::unique_ptr<Reader> MakePoolReader(uint32_t depth, bool direct, std::string* why_not);

// Threads that a reader of this depth has; pool readers have no more than this.
inline constexpr uint32_t kMostPoolThreads = 16;
uint32_t ThreadsOfPool(uint32_t depth);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_READER_H_
