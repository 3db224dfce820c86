// Whole models: tokens a second, bytes a token and share of the memory roof by number of threads, and beside a foreign
// busy process. Asserts ratios of the same run only. Tables go to stdout, JSON to the test's outputs.
//
//   bazel test --config=bench //tests/bench:model_speed_test --test_env=KINGLET_BENCH_MODEL=/absolute/model.gguf
//
// measures that file in place of the models made here.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/program.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using nlohmann::json;

constexpr int kRounds = 5;
// Of a figure that others' load can only make worse: more rounds before it counts as too low.
constexpr int kMostRounds = 20;

std::vector<int> UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// A process that computes all the time on one processor, until it is destroyed.
class BusyProcess {
 public:
  explicit BusyProcess(int cpu) : child_(fork()) {
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    for (volatile uint64_t i = 0;; i = i + 1) {
    }
  }
  ~BusyProcess() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  bool running() const { return child_ > 0; }

 private:
  const pid_t child_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

struct MadeModel {
  const char* name;
  std::vector<std::string> flags;
};

class ModelSpeedTest : public testing::Test {
 protected:
  // Path of the model to measure: made here, unless one was named.
  std::string Model(const MadeModel& made) {
    if (const char* given = std::getenv("KINGLET_BENCH_MODEL")) return given;
    const std::string path = folder_.path() + "/" + made.name + ".gguf";
    std::vector<std::string> arguments = {"make-model", "--seed", "1", "-o", path};
    arguments.insert(arguments.end(), made.flags.begin(), made.flags.end());
    const ProgramResult result = RunKinglet(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return path;
  }
  // kinglet bench -o json.
  json Bench(const std::string& model, std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"bench", "-m", model, "-o", "json"});
    const ProgramResult result = RunKinglet(flags);
    EXPECT_EQ(result.status, 0) << result.err;
    return json::parse(result.out, nullptr, false);
  }
  void Keep(const std::string& name, const json& figures) {
    if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
      std::ofstream(std::string(folder) + "/" + name + ".json") << figures.dump(2) << "\n";
    }
  }
  TempFolder folder_;
};

// Larger than the last-level cache, small enough to be made in a second.
const MadeModel kModels[] = {
    {"smallthinker_q4_0",
     {"--preset", "4b", "--layers", "4", "--vocab", "16384", "--active", "0.35", "--type", "q4_0"}},
    {"smallthinker_q8_0", {"--preset", "4b", "--layers", "2", "--vocab", "8192", "--active", "0.35", "--type", "q8_0"}},
    {"qwen3_q4_k",
     {"--arch", "qwen3", "--layers", "6", "--embedding", "1024", "--ffn", "3072", "--heads", "16", "--vocab", "32768",
      "--type", "q4_k"}},
};

TEST_F(ModelSpeedTest, GenerationAndPromptsOnOneAndTwoThreads) {
  json all = json::array();
  std::printf("%-20s %7s %6s %10s %10s %8s %10s %8s\n", "model", "threads", "test", "tokens/s", "MB/token", "GB/s",
              "roof GB/s", "of roof");
  for (const MadeModel& made : kModels) {
    const json results = Bench(Model(made), {"-t", "1,2", "-p", "128", "-n", "32", "-r", "3", "--roof", "--profile"});
    ASSERT_TRUE(results.is_array());
    ASSERT_EQ(results.size(), 4u);
    std::map<std::string, double> best;
    for (const json& r : results) {
      const bool prompt = r["n_prompt"] > 0;
      const std::vector<double> samples = r["samples_ts"];
      best[(prompt ? "pp" : "tg") + std::to_string(r["n_threads"].get<int>())] =
          *std::max_element(samples.begin(), samples.end());
      std::printf("%-20s %7d %6s %10.2f %10.2f %8.2f %10.2f %6.1f %%\n", made.name, r["n_threads"].get<int>(),
                  prompt ? "pp128" : "tg32", r["avg_ts"].get<double>(), 1e-6 * r["bytes_per_token_read"].get<double>(),
                  1e-9 * r["bytes_per_second"].get<double>(), 1e-9 * r["roof_bytes_per_second"].get<double>(),
                  100 * r["share_of_roof"].get<double>());
      all.push_back(r);
      if (prompt) continue;
      EXPECT_LE(r["bytes_per_token_read"], r["bytes_per_token"]) << made.name;
      EXPECT_GT(r["bytes_per_token_read"], 0) << made.name;
      if (std::string(made.name).find("smallthinker") == 0 && std::getenv("KINGLET_BENCH_MODEL") == nullptr) {
        EXPECT_LT(r["bytes_per_token_read"].get<double>(), 0.95 * r["bytes_per_token"].get<double>())
            << "inactive neurons are not read, and not counted";
      }
    }
    if (UsableCpus().size() >= 2) {
      EXPECT_GE(best["tg2"], 0.9 * best["tg1"]) << made.name << ": a second thread must not cost speed";
      EXPECT_GE(best["pp2"], 0.9 * best["pp1"]) << made.name;
    }
    EXPECT_GT(best["pp1"], best["tg1"]) << made.name << ": a batch shares the reading of weights";
    if (std::getenv("KINGLET_BENCH_MODEL") != nullptr) break;
  }
  Keep("models", all);
}

// Rounds in turn, so that what else the machine does falls on all alike; the best of each counts.
TEST_F(ModelSpeedTest, MoreThreadsThanCoresAreNeverBelowHalfOfTheBest) {
  const std::string model = Model(kModels[0]);
  std::map<int, double> generation, prompt;
  for (int round = 0; round < kRounds; ++round) {
    for (const json& r : Bench(model, {"-t", "1,2,4,8", "-p", "64", "-n", "32", "-r", "1"})) {
      double& best = (r["n_prompt"] > 0 ? prompt : generation)[r["n_threads"].get<int>()];
      best = std::max(best, r["avg_ts"].get<double>());
    }
  }
  ASSERT_EQ(generation.size(), 4u);
  const auto most = [](const std::map<int, double>& by_threads) {
    double best = 0;
    for (const auto& entry : by_threads) best = std::max(best, entry.second);
    return best;
  };
  std::printf("%7s %12s %12s   (%zu processors, best of %d rounds)\n", "threads", "tg32 t/s", "pp64 t/s",
              UsableCpus().size(), kRounds);
  json figures = json::array();
  for (const auto& entry : generation) {
    const int threads = entry.first;
    std::printf("%7d %12.2f %12.2f\n", threads, entry.second, prompt[threads]);
    figures.push_back({{"threads", threads}, {"generation", entry.second}, {"prompt", prompt[threads]}});
    if (threads == 1) continue;
    EXPECT_GE(entry.second, 0.5 * most(generation)) << threads << " threads, generation";
    EXPECT_GE(prompt[threads], 0.5 * most(prompt)) << threads << " threads, prompt";
  }
  Keep("threads", figures);
}

TEST_F(ModelSpeedTest, AForeignBusyProcessLeavesTwoFifthsOfTheSpeed) {
  const std::vector<int> cpus = UsableCpus();
  if (cpus.size() < 2) GTEST_SKIP() << "one processor: half of it is all that is left";
  const std::string model = Model(kModels[0]);
  const std::vector<std::string> flags = {
      "-t", std::to_string(std::min<size_t>(cpus.size(), 2)), "-p", "64", "-n", "32", "-r", "1"};
  std::vector<double> quiet[2], busy[2];  // generation, prompt
  const auto ratio = [&](int i) { return Median(busy[i]) / Median(quiet[i]); };
  for (int round = 0; round < kMostRounds; ++round) {
    if (round >= kRounds && ratio(0) >= 0.4 && ratio(1) >= 0.4) break;
    for (const json& r : Bench(model, flags)) quiet[r["n_prompt"] > 0].push_back(r["avg_ts"]);
    const BusyProcess foreign(cpus[1]);
    ASSERT_TRUE(foreign.running());
    for (const json& r : Bench(model, flags)) busy[r["n_prompt"] > 0].push_back(r["avg_ts"]);
  }
  const char* const names[] = {"generation", "prompt"};
  json figures;
  for (const int i : {0, 1}) {
    std::printf("%-10s quiet %8.2f t/s, beside a busy process %8.2f t/s (medians of %zu), ratio %.2f\n", names[i],
                Median(quiet[i]), Median(busy[i]), quiet[i].size(), ratio(i));
    figures[names[i]] = {{"quiet", Median(quiet[i])}, {"busy", Median(busy[i])}, {"ratio", ratio(i)}};
    EXPECT_GE(ratio(i), 0.4) << names[i];
  }
  Keep("busy_process", figures);
}

}  // namespace
}  // namespace kinglet
