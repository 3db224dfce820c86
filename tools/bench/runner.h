// Runs the tests of one loaded model.
#ifndef KINGLET_TOOLS_BENCH_RUNNER_H_
#define KINGLET_TOOLS_BENCH_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/result.h"
#include "tools/common/engine.h"
#include "tools/common/interrupt.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"
#include "tools/common/routing_recorder.h"
#include "tools/common/streaming_read.h"

namespace kinglet::tools {

struct RunnerOptions {
  int64_t batch = 512;
  int64_t repetitions = 5;
  int64_t seed = 1;         // of random ids, where there is no tokenizer
  std::string prompt_file;  // empty: the built-in text
  bool roof = false;        // a streaming read before each repetition of a generation
  bool profile = false;     // operator by operator, after the measurement
  BankFlags bank;              // which blocks of a memory bank: texts are not routed
  std::string record_routing;  // where the first repetition of each test is recorded; empty: nowhere
};

// `depth` tokens are in the context when the clock starts; then a prompt, then single tokens.
struct BenchTest {
  int64_t prompt = 0, generation = 0, depth = 0;
};

// Borrows all arguments. One thread.
class BenchRunner {
 public:
  BenchRunner(const RunnerOptions& options, kl_model* model, Interrupt* interrupt,
              Progress* progress)
      : options_(options), model_(model), interrupt_(*interrupt), progress_(*progress) {}
  ~BenchRunner() { interrupt_.Watch(nullptr); }

  // A session and tokens that are enough for all of the tests. Comes first.
  Failure Begin(const std::vector<BenchTest>& tests);
  // The first tokens of each kind run cold: code, weights and threads.
  Failure WarmUp(const BenchTest& test);
  // Fills in what was measured.
  Failure Measure(const BenchTest& test, BenchResult* result);
  // After the last test: the recording appears.
  Failure Finish() { return recorder_.Finish(); }

 private:
  // Ids of the text, over and over; random ones where there is no tokenizer.
  Failure MakeTokens(int64_t count);
  Failure MeasureOnce(const BenchTest& test, BenchResult* result, int64_t* first_token_ns);
  // Runs the test once more, node by node: of the generation a few tokens.
  Failure ProfileTest(const BenchTest& test, BenchResult* result);
  Failure PrepareRoof(const BenchResult& result);
  uint64_t PeakBytes() const;
  Failure Rewind();
  Failure Prefill(int64_t first, int64_t count);
  Failure Decode(int64_t first, int64_t count);
  Failure Checked(kl_code code, const kl_error& error) const;

  const RunnerOptions& options_;
  kl_model* const model_;
  Interrupt& interrupt_;
  Progress& progress_;
  SessionHandle session_;
  RoutingRecorder recorder_;
  std::vector<int32_t> tokens_;
  std::string prompt_source_;
  std::unique_ptr<StreamingRead> roof_;
  uint64_t peak_before_roof_ = 0;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BENCH_RUNNER_H_
