// Whole records, or the gate first and then only the rows of active neurons?
//
//   record of SmallThinker-4B, Q4_0, as its kernels pack it, 1,990,656 bytes:
//     gate   768 rows of 864 bytes
//     up     768 rows of 864 bytes
//     down   24 groups of 32 neurons: 3,072 bytes of scales, then 32 rows of 768 bytes
//
//   whole        one read
//   gate first   the gate's read; when it is there, the blocks of up and down that hold what active
//                neurons need, all at once; blocks that are at most `gap` blocks apart are one read
//
// Argument 1: active neurons in percent (0: whole); 2: gap in blocks of 4 KiB. Counts the time from
// the first read to the last byte; what computing the gate takes in between is not counted, so gate
// first looks better here than it is. MB: read for one record.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "plugins/common/record_bank/mapped_memory.h"
#include "plugins/common/record_bank/reader.h"

namespace record_bank {
namespace {

constexpr uint64_t kNeurons = 768, kRowBytes = 864, kMatrixBytes = kNeurons * kRowBytes;
// plugins/common/kernels/neuron_major_layout.h
constexpr uint64_t kGroupNeurons = 32, kScaleBytes = 3072, kNeuronBytes = kRowBytes + 768;
constexpr uint64_t kGroupBytes = kScaleBytes + kGroupNeurons * kNeuronBytes;
constexpr uint64_t kRecordBytes = 3 * kMatrixBytes;
constexpr uint64_t kStride = (kRecordBytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
constexpr uint64_t kRecords = 400;
constexpr uint32_t kDepth = 64;

struct Span {
  uint64_t first_block, end_block;
};

// A file of records on the disk that tests write to, gone with the process.
class RecordFile {
 public:
  RecordFile() {
    const char* folder = getenv("TEST_TMPDIR");
    std::string path = std::string(folder == nullptr ? "/var/tmp" : folder) + "/gate_first.XXXXXX";
    descriptor_ = mkstemp(path.data());
    std::vector<uint64_t> content(kStride / 8);
    std::mt19937_64 random(1);
    for (uint64_t r = 0; r < kRecords && descriptor_ >= 0; ++r) {
      for (uint64_t& word : content) word = random();
      if (write(descriptor_, content.data(), kStride) != static_cast<ssize_t>(kStride)) break;
    }
    fsync(descriptor_);
    const int direct = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
    close(descriptor_);
    descriptor_ = direct;
    unlink(path.c_str());
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

const RecordFile& File() {
  static const RecordFile file;
  return file;
}

// Starts reads and waits for all of them.
class Batch {
 public:
  explicit Batch(Reader* reader) : reader_(reader), reads_(1024) {}
  void Run(uint64_t offset, const std::vector<Span>& spans, uint8_t* to) {
    left_ = spans.size();
    for (size_t i = 0; i < spans.size(); ++i) {
      Read& read = reads_[i];
      read = Read();
      read.descriptor = File().descriptor();
      read.offset = offset + spans[i].first_block * kBlockBytes;
      read.bytes = static_cast<uint32_t>((spans[i].end_block - spans[i].first_block) * kBlockBytes);
      read.data = to + spans[i].first_block * kBlockBytes;
      read.owner = this;
      read.done = [](Read* done) {
        auto* self = static_cast<Batch*>(done->owner);
        const std::lock_guard<std::mutex> lock(self->mutex_);
        self->failed_ |= done->result != static_cast<int64_t>(done->bytes);
        if (--self->left_ == 0) self->wake_.notify_all();
      };
    }
    for (size_t i = 0; i < spans.size(); ++i) reader_->Start(&reads_[i]);
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] { return left_ == 0; });
  }
  bool failed() const { return failed_; }

 private:
  Reader* const reader_;
  std::vector<Read> reads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  size_t left_ = 0;
  bool failed_ = false;
};

void Mark(uint64_t offset, uint64_t bytes, std::vector<bool>* blocks) {
  for (uint64_t b = offset / kBlockBytes; b <= (offset + bytes - 1) / kBlockBytes; ++b) {
    (*blocks)[b] = true;
  }
}

std::vector<Span> SpansOfActive(double share, uint64_t gap, std::mt19937_64* random) {
  std::vector<bool> blocks(kStride / kBlockBytes);
  std::bernoulli_distribution active(share);
  for (uint64_t n = 0; n < kNeurons; ++n) {
    if (!active(*random)) continue;
    const uint64_t group = kMatrixBytes + n / kGroupNeurons * kGroupBytes;
    Mark(group, kScaleBytes, &blocks);
    Mark(group + kScaleBytes + n % kGroupNeurons * kNeuronBytes, kNeuronBytes, &blocks);
  }
  std::vector<Span> spans;
  for (uint64_t b = 0; b < blocks.size(); ++b) {
    if (!blocks[b]) continue;
    if (!spans.empty() && b <= spans.back().end_block + gap) {
      spans.back().end_block = b + 1;
    } else {
      spans.push_back({b, b + 1});
    }
  }
  return spans;
}

void ReadRecord(benchmark::State& state) {
  std::string why_not;
  std::unique_ptr<Reader> reader = MakeUringReader(kDepth, &why_not);
  if (reader == nullptr) reader = MakePoolReader(kMostPoolThreads, true, &why_not);
  MappedMemory memory;
  if (reader == nullptr || File().descriptor() < 0 || !memory.Map(kStride)) {
    return state.SkipWithError("no direct reads here");
  }
  std::mt19937_64 random(2);
  const double share = static_cast<double>(state.range(0)) / 100;
  Batch batch(reader.get());
  uint64_t bytes = 0, reads = 0;
  for (auto iteration : state) {
    state.PauseTiming();
    const uint64_t offset = random() % kRecords * kStride;
    std::vector<std::vector<Span>> steps = {{{0, kStride / kBlockBytes}}};
    if (share > 0) {
      steps = {{{0, kMatrixBytes / kBlockBytes}},
               SpansOfActive(share, static_cast<uint64_t>(state.range(1)), &random)};
    }
    state.ResumeTiming();
    for (const std::vector<Span>& spans : steps) {
      batch.Run(offset, spans, memory.data());
      reads += spans.size();
      for (const Span& span : spans) bytes += (span.end_block - span.first_block) * kBlockBytes;
    }
  }
  if (batch.failed()) state.SkipWithError("a read failed");
  const auto count = static_cast<double>(state.iterations());
  state.counters["MB"] = static_cast<double>(bytes) / 1e6 / count;
  state.counters["reads"] = static_cast<double>(reads) / count;
}

BENCHMARK(ReadRecord)
    ->ArgNames({"active", "gap"})
    ->Args({0, 0})
    ->ArgsProduct({{5, 10, 20, 40}, {0, 4, 16}})
    ->UseRealTime()
    ->Iterations(300)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace record_bank
