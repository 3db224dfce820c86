#include "tools/plan/prediction.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

Speeds Example() {
  Speeds speeds;
  speeds.memory_bytes_per_second = 1e10;
  speeds.reads = {{1, 2e6, 2e6}, {4, 5e6, 8e6}};
  speeds.probed_layers = 4;
  speeds.layer_ns = 1e6;
  speeds.overlap_ns = 5e5;
  speeds.rest_ns = 3e6;
  speeds.prompt_tokens = 16;
  speeds.prompt_layer_ns = 4e6;
  speeds.layer_weight_bytes = 1000;
  speeds.rest_weight_bytes = 500;
  return speeds;
}

Task ExampleTask() {
  Task task;
  task.layers = task.expert_layers = 10;
  task.experts = 8;
  task.used = 2;
  task.prompt = 32;
  task.predict = 8;
  task.batch = 512;
  task.prompt_experts = 4;
  task.touched_experts = 40;
  return task;
}

TEST(PredictionTest, ReadsAreInterpolatedAndGoOnAtTheLastBandwidth) {
  const Speeds speeds = Example();
  EXPECT_DOUBLE_EQ(ReadNs(speeds, 0), 0);
  EXPECT_DOUBLE_EQ(ReadNs(speeds, 0.5), 1e6);
  EXPECT_DOUBLE_EQ(ReadNs(speeds, 1), 2e6);
  EXPECT_DOUBLE_EQ(ReadNs(speeds, 2), 3e6);
  EXPECT_DOUBLE_EQ(ReadNs(speeds, 8), 1e7);
}

TEST(PredictionTest, EverythingInMemoryIsComputingOnly) {
  Prediction prediction;
  Predict(ExampleTask(), Example(), &prediction);
  EXPECT_DOUBLE_EQ(prediction.compute_ns, 13e6);
  EXPECT_DOUBLE_EQ(prediction.stall_ns, 0);
  EXPECT_EQ(prediction.memory_bytes_per_token, 10500u);
  EXPECT_EQ(prediction.storage_bytes_per_token, 0u);
  EXPECT_NEAR(prediction.tokens_per_second(), 1000 / 13.0, 1e-9);
  // Twice the prompt that was tried.
  EXPECT_DOUBLE_EQ(prediction.first_token_ns, 3e6 + 10 * 8e6);
}

TEST(PredictionTest, NoFasterThanMemory) {
  Speeds speeds = Example();
  speeds.memory_bytes_per_second = 10500;  // a second a token
  Prediction prediction;
  Predict(ExampleTask(), speeds, &prediction);
  EXPECT_DOUBLE_EQ(prediction.compute_ns, 1e9);
}

TEST(PredictionTest, MissesAddReadsAndStalls) {
  Prediction prediction;
  prediction.memory.streamed = true;
  prediction.memory.slot_count = 8;
  prediction.hit_rate = 0.5;
  Predict(ExampleTask(), Example(), &prediction);
  EXPECT_EQ(prediction.storage_bytes_per_token, 20000000u);  // 10 of 20 experts, 2 MB each
  // One of two in half of the layers, both in a quarter; of 640 layers, so that chance is left.
  EXPECT_NEAR(prediction.stall_ns, 10 * (0.5 * 1.5e6 + 0.25 * 2.5e6), 1e6);
  // No room to read ahead: what is missing, less what attention hides, then computing.
  EXPECT_DOUBLE_EQ(prediction.first_token_ns, 3e6 + 10 * (5e6 - 5e5 + 8e6));
  prediction.memory.slot_count = 70;
  Predict(ExampleTask(), Example(), &prediction);
  EXPECT_DOUBLE_EQ(prediction.first_token_ns, 3e6 + 10 * 8e6);
}

TEST(PredictionTest, GuessesReadMoreAndWaitLess) {
  Task task = ExampleTask();
  Prediction prediction;
  prediction.memory.streamed = true;
  prediction.hit_rate = 0.95;
  Predict(task, Example(), &prediction);
  const Prediction without = prediction;
  task.guesses = true;
  Predict(task, Example(), &prediction);
  EXPECT_LT(prediction.stall_ns, without.stall_ns);
  EXPECT_GT(prediction.storage_bytes_per_token, without.storage_bytes_per_token);
}

TEST(PredictionTest, StreamedWeightsAreReadBesideComputing) {
  Speeds speeds = Example();
  speeds.weight_bytes_per_second = 1e9;
  Prediction prediction;
  prediction.memory.stream_bytes = 1;
  prediction.memory.streamed_weight_bytes = 30000000;
  prediction.memory.kept_weight_bytes = 10000000;
  Predict(ExampleTask(), speeds, &prediction);
  EXPECT_DOUBLE_EQ(prediction.compute_ns, 13e6);
  EXPECT_DOUBLE_EQ(prediction.stall_ns, 20e6 - 13e6);
  EXPECT_EQ(prediction.storage_bytes_per_token, 20000000u);
  prediction.memory.kept_weight_bytes = 20000000;
  Predict(ExampleTask(), speeds, &prediction);
  EXPECT_DOUBLE_EQ(prediction.stall_ns, 0);
}

TEST(PredictionTest, ThePeakCountsOnlyTheSlotsThatAreTouched) {
  kl_memory_plan memory = {};
  memory.program_now_bytes = 100;
  memory.packed_bytes = 1000;
  memory.streamed = true;
  memory.slot_count = 60;
  memory.expert_bytes = 6100;
  memory.expert_slot_bytes = 100;
  Task task = ExampleTask();
  const uint64_t forty = PeakBytes(memory, task);
  task.touched_experts = 1000;
  EXPECT_EQ(PeakBytes(memory, task), forty + 20 * 100);
  memory.packing_bytes = 1 << 30;  // what packing needs is given back before a session runs
  EXPECT_GT(PeakBytes(memory, task), uint64_t{1} << 30);
}

}  // namespace
}  // namespace kinglet::tools
