#include "plugins/memory_bank/copier.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugins/common/record_bank/record_layout.h"

namespace memory_bank {
namespace {

constexpr size_t kMostQueued = 64;

}  // namespace

uint64_t Copier::Bytes() { return kChunkBytes + record_bank::kThreadBytes; }

Copier::Copier(const record_bank::Files& files, record_bank::Reader* reader, Done done)
    : files_(files), reader_(reader), done_(std::move(done)) {}

Copier::~Copier() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  threads_.Join();
}

int Copier::Start() {
  if (!buffer_.Map(kChunkBytes)) return ENOMEM;
  return threads_.Start(&Body, this);
}

bool Copier::Ask(Copy copy) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (queue_.size() >= kMostQueued) return false;
  queue_.push_back(std::move(copy));
  wake_.notify_all();
  return true;
}

void Copier::SetBusy(bool busy) {
  const std::lock_guard<std::mutex> lock(mutex_);
  busy_ = busy;
  if (!busy) wake_.notify_all();
}

bool Copier::idle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_.empty() && !working_;
}

void* Copier::Body(void* self) {
  static_cast<Copier*>(self)->Serve();
  return nullptr;
}

void Copier::Serve() {
  for (;;) {
    Copy copy;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      copy = std::move(queue_.front());
      queue_.pop_front();
      working_ = true;
    }
    int error = 0;
    const End end = Run(copy, &error);
    done_(copy, end, error);
    const std::lock_guard<std::mutex> lock(mutex_);
    working_ = false;
  }
}

// False: the copier is ending.
bool Copier::WaitForQuiet() {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait(lock, [this] { return ending_ || !busy_; });
  return !ending_;
}

Copier::End Copier::Run(const Copy& copy, int* error) {
  *error = copy.file->ClearEntries(copy.forgotten);
  if (*error != 0) return End::kNotWritten;
  const record_bank::Range range = record_bank::RangeOf(copy.piece);
  uint64_t skip = range.lead;
  for (uint64_t at = 0; at < range.bytes; at += kChunkBytes) {
    if (!WaitForQuiet()) return End::kStopped;
    const auto bytes = static_cast<uint32_t>(std::min<uint64_t>(kChunkBytes, range.bytes - at));
    const int64_t got = Read(files_.descriptor(range.file), range.offset + at, bytes);
    const uint64_t needed = std::min<uint64_t>(bytes, range.needed - at);
    if (got < 0 || static_cast<uint64_t>(got) < needed) return End::kNotRead;
    *error =
        copy.file->Write(copy.place, at + skip - range.lead, buffer_.data() + skip, needed - skip);
    if (*error != 0) return End::kNotWritten;
    skip = 0;
  }
  *error = copy.file->Name(copy.place, copy.block);
  return *error == 0 ? End::kCopied : End::kNotWritten;
}

// What the reader says of these blocks: bytes read, or -errno.
int64_t Copier::Read(int descriptor, uint64_t offset, uint32_t bytes) {
  record_bank::Read read;
  read.descriptor = descriptor;
  read.offset = offset;
  read.bytes = bytes;
  read.data = buffer_.data();
  read.owner = this;
  read.done = [](record_bank::Read* done) {
    auto* self = static_cast<Copier*>(done->owner);
    const std::lock_guard<std::mutex> lock(self->mutex_);
    self->read_is_over_ = true;
    self->wake_.notify_all();
  };
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    read_is_over_ = false;
  }
  reader_->Start(&read);
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait(lock, [this] { return read_is_over_; });
  return read.result;
}

}  // namespace memory_bank
