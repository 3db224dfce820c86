#include "core/plugin/host.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(HostTest, APluginSeesItsOwnOptionsOnly) {
  HostOptions options;
  options.plugin_options = {{"bank.tiers", "3"}, {"other.key", "x"}};
  HostServices services(std::move(options));
  const kl_host* bank = services.ForPlugin("bank");
  EXPECT_STREQ(bank->option(bank, "tiers"), "3");
  EXPECT_EQ(bank->option(bank, "key"), nullptr);
  EXPECT_EQ(bank->option(bank, nullptr), nullptr);
  const kl_host* general = services.general();
  EXPECT_STREQ(general->option(general, "other.key"), "x");
  EXPECT_EQ(services.ForPlugin("bank"), bank);
}

TEST(HostTest, AllocationsAreAlignedAndImpossibleOnesFail) {
  HostServices services({});
  const kl_host* host = services.general();
  for (uint64_t alignment : {1, 8, 64, 4096}) {
    void* memory = host->allocate(host, 100, alignment);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignment, 0u);
    host->release(host, memory);
  }
  EXPECT_EQ(host->allocate(host, 100, 48), nullptr);
  EXPECT_EQ(host->allocate(host, 100, 0), nullptr);
  EXPECT_EQ(host->allocate(host, UINT64_MAX, 64), nullptr);
  host->release(host, nullptr);
}

TEST(HostTest, LogLinesNameThePlugin) {
  std::vector<std::string> lines;
  Log log(KL_LOG_INFO, [&](kl_log_level, absl::string_view text) { lines.emplace_back(text); });
  HostOptions options;
  options.log = &log;
  HostServices services(std::move(options));
  const kl_host* host = services.ForPlugin("bank");
  host->log(host, KL_LOG_INFO, "opened");
  host->log(host, KL_LOG_DEBUG, "not wanted");
  services.general()->log(services.general(), KL_LOG_ERROR, "plain");
  EXPECT_EQ(lines, (std::vector<std::string>{"plugin bank: opened", "plain"}));
}

TEST(HostTest, ParallelForRunsOnTheCallerUntilThereIsAnother) {
  HostServices services({});
  const kl_host* host = services.general();
  std::atomic<int64_t> sum{0};
  const kl_parallel_body body = [](void* context, int64_t begin, int64_t end) {
    static_cast<std::atomic<int64_t>*>(context)->fetch_add((end - begin) * 100 + begin);
  };
  host->parallel_for(host, 10, body, &sum);
  EXPECT_EQ(sum.load(), 1000);
  host->parallel_for(host, 0, body, &sum);
  EXPECT_EQ(sum.load(), 1000);

  services.set_parallel_for([](int64_t count, kl_parallel_body each, void* context) {
    for (int64_t i = 0; i < count; ++i) each(context, i, i + 1);
  });
  sum = 0;
  host->parallel_for(host, 3, body, &sum);
  EXPECT_EQ(sum.load(), 303);
}

TEST(HostTest, ClockIsMonotonicAndCpuIsThere) {
  HostOptions options;
  options.cpu.features = KL_CPU_AVX2;
  HostServices services(std::move(options));
  const kl_host* host = services.general();
  const int64_t before = host->now_ns(host);
  EXPECT_LE(before, host->now_ns(host));
  EXPECT_EQ(host->cpu->features, KL_CPU_AVX2);
  EXPECT_EQ(host->cpu->struct_size, sizeof(kl_cpu));
}

}  // namespace
}  // namespace kinglet
