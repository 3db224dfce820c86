// Under a budget the model's file leaves next to nothing in the system's page cache: not after
// loading, and not by the faults of small mapped weights while tokens are computed, which by
// default read megabytes around them.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/streaming/streamed_model.h"
#include "tests/support/emulator.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

// What of a file is in the page cache, whoever brought it there.
struct Cached {
  uint64_t bytes = 0;
  std::string ranges;  // "offset+bytes ..", for people
};

Cached CachedOf(const std::string& path) {
  Cached cached;
  const uint64_t bytes = std::filesystem::file_size(path);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(file, 0);
  void* data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (data == MAP_FAILED) {
    ADD_FAILURE() << "cannot map " << path;
    return cached;
  }
  const uint64_t page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page_bytes - 1) / page_bytes);
  EXPECT_EQ(mincore(data, bytes, pages.data()), 0);
  munmap(data, bytes);
  for (size_t begin = 0, end; begin < pages.size(); begin = end + 1) {
    for (end = begin; end < pages.size() && (pages[end] & 1) != 0;) ++end;
    if (end == begin) continue;
    cached.bytes += (end - begin) * page_bytes;
    cached.ranges +=
        std::to_string(begin * page_bytes) + "+" + std::to_string((end - begin) * page_bytes) + " ";
  }
  return cached;
}
uint64_t CachedBytes(const std::string& path) { return CachedOf(path).bytes; }

void Forget(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  fsync(file);  // what make-model has just written is not forgotten before it is stored
  ASSERT_EQ(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
  close(file);
}

// Whether this system can tell, and forgets when it is asked to: not in every container, not on
// every file system.
bool CanTell(const std::string& path) {
  Forget(path);
  if (CachedBytes(path) > (1 << 20)) return false;
  std::string block(1 << 20, '\0');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool reads = pread(file, &block[0], block.size(), 0) == static_cast<ssize_t>(block.size());
  close(file);
  const bool told = CachedBytes(path) >= block.size();
  Forget(path);
  return reads && told;
}

TEST(PageCacheTest, DecodingUnderABudgetLeavesTheFileOutOfThePageCache) {
  KL_SKIP_UNDER_EMULATOR("posix_fadvise() is ignored (qemu 7.2)");
  const TempFolder folder;
  const std::string path = MakeStreamedModel(folder.path(), "q4_0", 6);
  if (!CanTell(path))
    GTEST_SKIP() << "the system does not say what its page cache holds of " << path;
  const uint64_t file_bytes = std::filesystem::file_size(path);
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const uint64_t smallest = SmallestBudget(runtime.get(), path);
  Forget(path);

  Error error;
  Handle<kl_model> model;
  StreamSettings settings;
  settings.memory_bytes = smallest + (2 << 20);
  ASSERT_EQ(LoadStreamed(runtime.get(), path, settings, &model, &error), KL_OK) << error.message;
  ASSERT_TRUE(ExpertStats(model.get()).streamed);
  const Cached after_load = CachedOf(path);
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  Continue(session.get(), StreamedPrompt(), 8);
  const Cached after_tokens = CachedOf(path);
  printf("%s: file %llu, in the page cache %llu after loading, %llu after decoding\n", "q4_0",
         static_cast<unsigned long long>(file_bytes),
         static_cast<unsigned long long>(after_load.bytes),
         static_cast<unsigned long long>(after_tokens.bytes));
  // Routers and norms of 6 layers are 0.4 MB; looked-up rows a page or two each.
  EXPECT_LE(after_load.bytes, 2u << 20) << after_load.ranges;
  EXPECT_LE(after_tokens.bytes, 4u << 20) << after_tokens.ranges;
  EXPECT_GT(file_bytes, 60u << 20) << "too small to tell a little from much";
}

}  // namespace
}  // namespace kinglet
