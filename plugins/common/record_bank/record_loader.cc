#include "plugins/common/record_bank/record_loader.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>

#include "core/abi/checksum.h"
#include "core/abi/error.h"

namespace record_bank {
namespace {

using Number = unsigned long long;  // NOLINT: what %llu takes

constexpr int kMostFailures = 2;  // the second one is final
// EAGAIN is no failure of storage, but it must end as well. By the clock: other reads' pauses
// count.
constexpr auto kMostRefusedTime = std::chrono::seconds(1);
constexpr unsigned kRefusalPauseMicroseconds = 500;

kl_error NoError() {
  kl_error error = {};
  error.struct_size = sizeof error;
  return error;
}

}  // namespace

RecordLoader::RecordLoader(const kl_bank_source& source, const Layout& layout, const Files& files,
                           Reader* reader, LoadSink* sink)
    : source_(source), layout_(layout), files_(files), reader_(reader), sink_(sink) {}

RecordLoader::~RecordLoader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  threads_.Join();
}

kl_code RecordLoader::Init(uint32_t job_count, uint32_t thread_count, kl_bank_verify verify,
                           kl_error* error) {
  verify_ = verify;
  if (verify == KL_BANK_VERIFY_FIRST) verified_.resize(source_.record_count, 0);
  jobs_.reset(new (std::nothrow) Job[job_count]);
  if (jobs_ == nullptr || !buffers_.Map(layout_.buffer_bytes * job_count)) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "%u buffers of %llu bytes", job_count,
                   Number{layout_.buffer_bytes});
  }
  for (uint32_t i = job_count; i-- > 0;) {
    Job& job = jobs_[i];
    job.loader = this;
    if (!layout_.to_slot) job.buffer = buffers_.data() + layout_.buffer_bytes * i;
    for (RangeRead& range_read : job.reads) {
      range_read.job = &job;
      range_read.read.done = &OnRead;
      range_read.read.owner = &range_read;
    }
    job.next = free_;
    free_ = &job;
  }
  for (uint32_t i = 0; i < thread_count; ++i) {
    const int refused = threads_.Start(&FinisherBody, this);
    if (refused != 0 && i == 0) {
      return kl_fail(error, KL_OUT_OF_MEMORY, "no thread could be started: %s", strerror(refused));
    }
  }
  return KL_OK;
}

bool RecordLoader::Start(const Target& target) {
  Job* job = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job = free_;
    if (job == nullptr) return false;
    free_ = job->next;
  }
  job->target = target;
  job->record = &source_.records[target.id];
  job->pieces = target.is_copy ? &job->target.copy : job->record->pieces;
  job->attempt = 0;
  StartReads(job);
  return true;
}

void RecordLoader::StartReads(Job* job) {
  const uint32_t count = job->record->piece_count;
  job->failed.store(false, std::memory_order_relaxed);
  job->reads_left.store(count, std::memory_order_relaxed);
  uint8_t* data = job->buffer != nullptr ? job->buffer : job->target.data;
  for (uint32_t i = 0; i < count; ++i) {
    RangeRead& range_read = job->reads[i];
    range_read.range = RangeOf(job->pieces[i]);
    range_read.data = data;
    range_read.done_bytes = 0;
    range_read.failures = 0;
    range_read.refusals = 0;
    data += range_read.range.bytes;
  }
  // The job may be over, and begun anew, as soon as its last read is started: nothing of it is
  // looked at after that.
  for (uint32_t i = 0; i < count; ++i) Continue(&job->reads[i]);
}

void RecordLoader::Continue(RangeRead* range_read) {
  const Range& range = range_read->range;
  Read& read = range_read->read;
  read.descriptor = files_.descriptor(range.file);
  read.offset = range.offset + range_read->done_bytes;
  read.bytes = static_cast<uint32_t>(range.bytes - range_read->done_bytes);
  read.data = range_read->data + range_read->done_bytes;
  reader_->Start(&read);
}

void RecordLoader::OnRead(Read* read) {
  auto* range_read = static_cast<RangeRead*>(read->owner);

  range_read->job->loader->Arrived(range_read);
}

void RecordLoader::Arrived(RangeRead* range_read) {
  const int64_t result = range_read->read.result;
  if (result == -EAGAIN || result == -EINTR) {
    const auto now = std::chrono::steady_clock::now();
    if (range_read->refusals++ == 0) range_read->first_refusal = now;
    if (now - range_read->first_refusal > kMostRefusedTime) {
      return Fail(range_read, KL_IO_ERROR, "the system has no resources for the read (EAGAIN)");
    }
    retry_count_.fetch_add(1, std::memory_order_relaxed);
    usleep(kRefusalPauseMicroseconds);
    return Continue(range_read);
  }
  range_read->refusals = 0;
  if (result < 0) {
    if (++range_read->failures >= kMostFailures) {
      return Fail(range_read, KL_IO_ERROR, strerror(static_cast<int>(-result)));
    }
    retry_count_.fetch_add(1, std::memory_order_relaxed);
    return Continue(range_read);
  }
  read_bytes_.fetch_add(static_cast<uint64_t>(result), std::memory_order_relaxed);
  const uint64_t have = range_read->done_bytes + static_cast<uint64_t>(result);
  if (have >= range_read->range.needed) {
    Job* job = range_read->job;
    if (job->reads_left.fetch_sub(1, std::memory_order_acq_rel) == 1) AllArrived(job);
    return;
  }
  if (result == 0) return Fail(range_read, KL_DATA_CORRUPT, "the file ends before the record does");
  // A short read: goes on at the last whole block, which is where a direct read may begin.
  const uint64_t whole = RoundDown(have, kBlockBytes);
  if (whole == range_read->done_bytes && ++range_read->failures >= kMostFailures) {
    return Fail(range_read, KL_IO_ERROR, "storage delivers less than a block");
  }
  range_read->done_bytes = whole;
  retry_count_.fetch_add(1, std::memory_order_relaxed);
  Continue(range_read);
}

void RecordLoader::Fail(RangeRead* range_read, kl_code code, const char* what) {
  Job* job = range_read->job;
  if (!job->failed.exchange(true, std::memory_order_relaxed)) {
    const uint32_t file = range_read->range.file;
    const std::string change = files_.Change(file);
    const std::string detail = !change.empty()         ? "; it " + change
                               : files_.Replaced(file) ? "; another file has taken its place"
                                                       : "";
    job->error = NoError();
    kl_fail(&job->error, code, "record %llu, offset %llu of %s: %s%s", Number{job->target.id},
            Number{range_read->range.offset + range_read->range.lead},
            files_.ShortName(file).c_str(), what, detail.c_str());
  }
  if (job->reads_left.fetch_sub(1, std::memory_order_acq_rel) == 1) AllArrived(job);
}

bool RecordLoader::NeedsChecksum(const Job& job) const {
  if (job.record->has_checksum == 0) return false;
  if (job.target.is_copy) return true;
  if (verify_ == KL_BANK_VERIFY_NEVER) return false;
  return verify_ == KL_BANK_VERIFY_ALWAYS || verified_[job.target.id] == 0;
}

void RecordLoader::AllArrived(Job* job) {
  // Nothing to do with the bytes: the thread that read them says so at once.
  if (job->failed.load(std::memory_order_relaxed) || (layout_.to_slot && !NeedsChecksum(*job))) {
    return Finish(job);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  job->next = nullptr;
  (first_arrived_ == nullptr ? first_arrived_ : last_arrived_->next) = job;
  last_arrived_ = job;
  // Under the lock: a finisher that is awake already may end the job, and the bank the loader.
  wake_.notify_one();
}

void* RecordLoader::FinisherBody(void* self) {
  AskForShortSlices();
  static_cast<RecordLoader*>(self)->Serve();
  return nullptr;
}

void RecordLoader::Serve() {
  for (;;) {
    Job* job = nullptr;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || first_arrived_ != nullptr; });
      job = first_arrived_;
      if (job == nullptr) return;
      first_arrived_ = job->next;
    }
    Finish(job);
  }
}

kl_code RecordLoader::CheckFiles(const Job& job, bool* changed, kl_error* error) {
  const kl_bank_record& record = *job.record;
  uint32_t checked = UINT32_MAX;
  for (uint32_t i = 0; i < record.piece_count; ++i) {
    if (job.pieces[i].file == checked) continue;
    checked = job.pieces[i].file;
    const std::string change = files_.Change(checked);
    if (change.empty()) continue;
    if (record.has_checksum == 0 || verify_ == KL_BANK_VERIFY_NEVER) {
      return kl_fail(error, KL_DATA_CORRUPT,
                     "record %llu, offset %llu: %s %s; load the model again", Number{job.target.id},
                     Number{job.pieces[i].offset}, files_.ShortName(checked).c_str(),
                     change.c_str());
    }
    *changed = true;
    if (!warned_.exchange(true)) {
      const std::string text =
          files_.ShortName(checked) + " " + change + "; each record is verified before it is used";
      sink_->OnWarning(text.c_str());
    }
  }
  return KL_OK;
}

void RecordLoader::Finish(Job* job) {
  if (job->failed.load(std::memory_order_relaxed)) return End(job, job->error.code, job->error);
  kl_error error = NoError();
  bool changed = false;
  kl_code code = CheckFiles(*job, &changed, &error);
  if (code != KL_OK) return End(job, code, error);

  const kl_bank_record& record = *job->record;
  const void* pieces[KL_BANK_MAX_PIECES];
  for (uint32_t i = 0; i < record.piece_count; ++i) {
    pieces[i] = job->reads[i].data + job->reads[i].range.lead;
  }
  if (changed || NeedsChecksum(*job)) {
    uint64_t checksum = 0;
    for (uint32_t i = 0; i < record.piece_count; ++i) {
      checksum = kl_checksum64(pieces[i], record.pieces[i].bytes, checksum);
    }
    if (checksum != record.checksum) {
      checksum_failure_count_.fetch_add(1, std::memory_order_relaxed);
      if (job->attempt++ == 0) {
        retry_count_.fetch_add(1, std::memory_order_relaxed);
        return StartReads(job);
      }
      kl_fail(&error, KL_DATA_CORRUPT,
              "record %llu, offset %llu of %s: checksum %016llx, expected %016llx: the file is "
              "damaged",
              Number{job->target.id}, Number{job->pieces[0].offset},
              files_.ShortName(job->pieces[0].file).c_str(), Number{checksum},
              Number{record.checksum});
      return End(job, KL_DATA_CORRUPT, error);
    }
    if (!verified_.empty()) verified_[job->target.id] = 1;
  }
  code = MakeContent(job, pieces, &error);
  End(job, code, error);
}

kl_code RecordLoader::MakeContent(Job* job, const void* const* pieces, kl_error* error) {
  const Target& target = job->target;
  if (layout_.unpacks) {
    const kl_code code = source_.unpack(source_.context, target.id, pieces, target.data, error);
    if (code != KL_OK && error->message[0] == '\0') {
      kl_fail(error, code, "record %llu: unpacking it failed", Number{target.id});
    }
    return code;
  }
  uint8_t* to = target.data;
  for (uint32_t i = 0; i < job->record->piece_count; ++i) {
    if (layout_.to_slot) {
      target.pieces[i] = pieces[i];
      continue;
    }
    memcpy(to, pieces[i], job->record->pieces[i].bytes);
    target.pieces[i] = to;
    to += job->record->pieces[i].bytes;
  }
  return KL_OK;
}

void RecordLoader::End(Job* job, kl_code code, const kl_error& error) {
  const uint32_t slot = job->target.slot;
  const kl_error copy = error;  // of the job's own, perhaps, which the next record gets
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job->next = free_;
    free_ = job;
  }
  sink_->OnLoaded(slot, code, copy);
}

}  // namespace record_bank
