#include "plugins/common/record_bank/open_reader.h"

#include <condition_variable>
#include <cstring>
#include <mutex>

#include "core/abi/error.h"
#include "plugins/common/record_bank/mapped_memory.h"

namespace record_bank {
namespace {

struct Waiter {
  std::mutex mutex;
  std::condition_variable wake;
  bool over = false;
};

// What the first block of a file's read says: 0 or more, or -errno.
int64_t ReadFirstBlock(Reader* reader, int descriptor) {
  MappedMemory block;
  if (!block.Map(kBlockBytes)) return -ENOMEM;
  Waiter waiter;
  Read read;
  read.descriptor = descriptor;
  read.bytes = kBlockBytes;
  read.data = block.data();
  read.owner = &waiter;
  read.done = [](Read* done) {
    auto* owner = static_cast<Waiter*>(done->owner);
    const std::lock_guard<std::mutex> lock(owner->mutex);
    owner->over = true;
    owner->wake.notify_all();
  };
  reader->Start(&read);
  std::unique_lock<std::mutex> lock(waiter.mutex);
  waiter.wake.wait(lock, [&waiter] { return waiter.over; });
  return read.result;
}

// Whether a reader of that kind can be made and reads these files; else why not.
bool Works(ReaderKind kind, const Files& files, std::string* why_not) {
  const std::unique_ptr<Reader> reader = MakeReader(kind, 1, why_not);
  if (reader == nullptr) return false;
  for (uint32_t i = 0; i < files.count(); ++i) {
    const int64_t result = ReadFirstBlock(reader.get(), files.descriptor(i));
    // A failing disk is no reason to read in another way: records say so when they are read.
    if (result == -EINVAL || result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM) {
      *why_not = files.ShortName(i) + ": reading a block with " + reader->name() +
                 " is refused: " + strerror(static_cast<int>(-result));
      return false;
    }
  }
  return true;
}

}  // namespace

std::unique_ptr<Reader> MakeReader(ReaderKind kind, uint32_t depth, std::string* why_not) {
  if (kind == ReaderKind::kUring) return MakeUringReader(depth, why_not);
  return MakePoolReader(depth, kind == ReaderKind::kPread, why_not);
}

kl_code ChooseReader(const char* wanted, const char* const* paths, uint32_t path_count,
                     const SystemOffers& offers, Files* files, ReaderKind* kind,
                     std::string* reason, kl_error* error) {
  const auto may = [wanted](const char* name) {
    return wanted == nullptr || strcmp(wanted, name) == 0;
  };
  if (!may("io_uring") && !may("pread") && !may("buffered")) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "no reader '%.40s'; there are io_uring, pread and buffered", wanted);
  }
  reason->clear();
  kl_error opening = {sizeof opening, KL_OK, {}};
  if (may("io_uring") || may("pread")) {
    kl_code code = offers.direct ? files->Open(paths, path_count, true, &opening) : KL_UNSUPPORTED;
    if (code != KL_OK && code != KL_UNSUPPORTED) return kl_fail(error, code, "%s", opening.message);
    if (code == KL_UNSUPPORTED) {
      *reason = offers.direct ? opening.message : "O_DIRECT is refused";
    } else {
      std::string why_not = "the kernel refuses io_uring: Operation not permitted";
      if (may("io_uring") && offers.uring && Works(ReaderKind::kUring, *files, &why_not)) {
        *kind = ReaderKind::kUring;
        return KL_OK;
      }
      if (may("io_uring")) *reason = why_not;
      if (may("pread") && Works(ReaderKind::kPread, *files, &why_not)) {
        *kind = ReaderKind::kPread;
        return KL_OK;
      }
      if (may("pread")) *reason = why_not;
    }
  }
  if (!may("buffered")) {
    return kl_fail(error, KL_UNSUPPORTED, "the reader %s does not work here: %s", wanted,
                   reason->c_str());
  }
  *kind = ReaderKind::kBuffered;
  return files->Open(paths, path_count, false, error);
}

}  // namespace record_bank
