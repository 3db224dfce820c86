// One measured test, and the tables that show it. Field names are llama-bench's.
#ifndef KINGLET_TOOLS_BENCH_RESULT_H_
#define KINGLET_TOOLS_BENCH_RESULT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/bench/profile.h"

namespace kinglet::tools {

struct BenchResult {
  std::string model_filename;
  std::string model_type;   // "smallthinker 4.27 B Q4_0"
  uint64_t model_size = 0;  // bytes of the file
  uint64_t model_n_params = 0;
  std::string cpu_info;
  std::string backends = "CPU";
  std::string scheduler;
  int64_t n_batch = 0;
  int64_t n_threads = 0;
  int64_t n_prompt = 0;
  int64_t n_gen = 0;
  int64_t n_depth = 0;
  std::string test_time;  // ISO 8601, UTC, when the test began
  std::vector<int64_t> samples_ns;
  // Beyond llama-bench.
  uint64_t peak_rss_bytes = 0;   // of the process, since the model began to load
  uint64_t bytes_per_token = 0;  // of weights, at most
  int64_t load_ns = 0;
  int64_t time_to_first_token_ns = 0;  // mean over prompts, the draw included; 0 without a prompt

  uint64_t bytes_per_token_read = 0;  // as far as kernels count, when generating; 0: not measured
  double roof_bytes_per_second = 0;   // streaming read, mean of those between the samples; 0: none
  double earlier_tokens_per_second = 0;  // --compare; 0: none
  std::string prompt_source;             // "built-in text", a file's name, "random ids"
  std::vector<Profile> profiles;         // --profile
  kl_expert_stats experts = {};          // where they are streamed: counts of the timed runs alone

  std::vector<double> SamplesTokensPerSecond() const;
  double TokensPerSecond() const;  // mean
  // Weight bytes a second of generation, and their share of the roof; 0 where it is not known.
  double BytesPerSecond() const;
  double ShareOfRoof() const;
};

double Mean(const std::vector<double>& samples);
// With n - 1; 0 for fewer than two samples.
double StandardDeviation(const std::vector<double>& samples);

// "pp512", "tg128", "pp512+tg128", "tg128 @ d512"
std::string TestName(const BenchResult& result);

std::string CsvTable(const std::vector<BenchResult>& results);
std::string JsonTable(const std::vector<BenchResult>& results);
std::string JsonLines(const std::vector<BenchResult>& results);
// Statements that make a table kinglet_bench and fill it, as llama-bench does.
std::string SqlStatements(const std::vector<BenchResult>& results);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BENCH_RESULT_H_
