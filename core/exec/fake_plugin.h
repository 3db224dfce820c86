// A plugin of this process with a handful of tiny operators, and what the tests of this folder need around it.
//
//   fake_embed   y[t] = table[ids[t]]           fake_double  y = 2 x, may take over x
//   fake_select  y[o] = x[rows[o]]              fake_matmul  y = x w^T, w packed when PackWeights() is in force
//   fake_sum     y = x (+ bias, optional)       fake_cached  y = x, with a cache as state
//
// Tests only. What kernels did is in Fake::log(), which belongs to one test at a time.
#ifndef KINGLET_CORE_EXEC_FAKE_PLUGIN_H_
#define KINGLET_CORE_EXEC_FAKE_PLUGIN_H_

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/error.h"
#include "core/abi/plugin.h"
#include "core/base/status.h"
#include "core/exec/runtime.h"
#include "core/exec/scheduler.h"
#include "core/memory/greedy_planner.h"
#include "core/model/model_source.h"
#include "core/plugin/registry.h"

namespace kinglet {

struct Fake {
  struct Log {
    bool pack_weights = false;
    uint64_t scratch_bytes = 0;         // that fake_double asks for
    uint64_t worker_scratch_bytes = 0;  // likewise
    std::string refuse_node;            // prepare() of the node of this name fails
    int prepared = 0;
    int released = 0;
    int packed_units = 0;
    std::vector<std::string> ran;        // operators, in order
    std::vector<int64_t> run_rows;       // rows that fake_embed got
    std::vector<kl_run> double_runs;     // of fake_double, one a worker
    std::vector<const void*> double_in;  // data of its operands
    std::vector<const void*> double_out;
  };
  static Log& log() {
    static Log log;
    return log;
  }
};

namespace fake {

inline float* F32(const kl_run* run, int i) { return static_cast<float*>(run->operands[i]->data); }
inline int32_t* I32(const kl_run* run, int i) { return static_cast<int32_t*>(run->operands[i]->data); }
inline int64_t Dim(const kl_run* run, int i, int d) { return run->operands[i]->shape[d]; }

inline kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements* requirements, kl_error* error) {
  if (Fake::log().refuse_node == node->name) return kl_fail(error, KL_UNSUPPORTED, "it does not like the shape");
  ++Fake::log().prepared;
  if (std::string(node->op) == "fake_double") {
    requirements->scratch_bytes = Fake::log().scratch_bytes;
    requirements->worker_scratch_bytes = Fake::log().worker_scratch_bytes;
  }
  return KL_OK;
}
inline void Release(const kl_host*, void*) { ++Fake::log().released; }
inline void OneUnit(const kl_run*, kl_work* work) {
  work->phase_count = 1;
  work->unit_count[0] = 1;
}
inline void UnitPerWorker(const kl_run* run, kl_work* work) {
  work->phase_count = 1;
  work->unit_count[0] = run->worker_count;
}

inline kl_code Embed(const kl_run* run) {
  Fake::log().ran.push_back("fake_embed");
  Fake::log().run_rows.push_back(Dim(run, 0, 0));
  const int64_t width = Dim(run, 1, 1);
  for (int64_t t = 0; t < Dim(run, 0, 0); ++t) {
    std::memcpy(F32(run, 2) + t * width, F32(run, 1) + I32(run, 0)[t] * width, static_cast<size_t>(width) * 4);
  }
  return KL_OK;
}
inline kl_code Select(const kl_run* run) {
  Fake::log().ran.push_back("fake_select");
  const int64_t width = Dim(run, 0, 1);
  for (int64_t o = 0; o < Dim(run, 1, 0); ++o) {
    std::memcpy(F32(run, 2) + o * width, F32(run, 0) + I32(run, 1)[o] * width, static_cast<size_t>(width) * 4);
  }
  return KL_OK;
}
// Every worker takes a unit; the first computes.
inline kl_code Double(const kl_run* run) {
  Fake::Log& log = Fake::log();
  log.double_runs.push_back(*run);
  if (run->begin > 0) return KL_OK;
  log.ran.push_back("fake_double");
  log.double_in.push_back(run->operands[0]->data);
  log.double_out.push_back(run->operands[1]->data);
  const int64_t count = kl_element_count(run->operands[0]);
  for (int64_t i = 0; i < count; ++i) F32(run, 1)[i] = 2 * F32(run, 0)[i];
  return KL_OK;
}
inline kl_code MatMul(const kl_run* run) {
  Fake::log().ran.push_back("fake_matmul");
  const bool packed = run->operands[1]->layout == KL_LAYOUT_PACKED;
  const int64_t rows = Dim(run, 0, 0), in = Dim(run, 0, 1), out = Dim(run, 2, 1);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t n = 0; n < out; ++n) {
      float sum = 0;
      // Packed: rows from the last to the first.
      const float* w = F32(run, 1) + (packed ? out - 1 - n : n) * in;
      for (int64_t k = 0; k < in; ++k) sum += F32(run, 0)[r * in + k] * w[k];
      F32(run, 2)[r * out + n] = sum;
    }
  }
  return KL_OK;
}
inline kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  if (operand != 1 || !Fake::log().pack_weights) return KL_OK;
  pack->bytes = kl_tensor_bytes(node->operands[1]);
  pack->unit_count = node->operands[1]->shape[0];
  pack->layout = "reversed";
  return KL_OK;
}
inline kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
  const uint64_t row_bytes = kl_tensor_bytes(source) / static_cast<uint64_t>(source->shape[0]);
  for (int64_t row = begin; row < end; ++row) {
    ++Fake::log().packed_units;
    std::memcpy(static_cast<char*>(destination) + static_cast<uint64_t>(source->shape[0] - 1 - row) * row_bytes,
                static_cast<const char*>(source->data) + static_cast<uint64_t>(row) * row_bytes, row_bytes);
  }
  return KL_OK;
}
inline kl_code Sum(const kl_run* run) {
  Fake::log().ran.push_back("fake_sum");
  const bool biased = run->operands[1]->type != KL_TYPE_NONE;
  const int64_t count = kl_element_count(run->operands[0]);
  for (int64_t i = 0; i < count; ++i) F32(run, 2)[i] = F32(run, 0)[i] + (biased ? F32(run, 1)[i] : 0);
  return KL_OK;
}
inline kl_code Cached(const kl_run* run) {
  Fake::log().ran.push_back("fake_cached");
  std::memcpy(run->operands[2]->data, run->operands[0]->data, kl_tensor_bytes(run->operands[0]));
  return KL_OK;
}

constexpr kl_operand In(const char* name, uint32_t optional = 0) { return {name, KL_OPERAND_INPUT, optional, -1}; }
constexpr kl_operand Out(int32_t may_alias = -1) { return {"y", KL_OPERAND_OUTPUT, 0, may_alias}; }

constexpr kl_operand kEmbedOperands[] = {In("ids"), In("table"), Out()};
constexpr kl_operand kSelectOperands[] = {In("x"), In("rows"), Out()};
constexpr kl_operand kDoubleOperands[] = {In("x"), Out(0)};
constexpr kl_operand kMatMulOperands[] = {In("x"), In("w"), Out()};
constexpr kl_operand kSumOperands[] = {In("x"), In("bias", 1), Out()};
constexpr kl_operand kCachedOperands[] = {In("x"), {"cache", KL_OPERAND_STATE, 0, -1}, Out()};

constexpr kl_op kOps[] = {
    {sizeof(kl_op), "fake_embed", kEmbedOperands, 3, nullptr, 0},
    {sizeof(kl_op), "fake_select", kSelectOperands, 3, nullptr, 0},
    {sizeof(kl_op), "fake_double", kDoubleOperands, 2, nullptr, 0},
    {sizeof(kl_op), "fake_matmul", kMatMulOperands, 3, nullptr, 0},
    {sizeof(kl_op), "fake_sum", kSumOperands, 3, nullptr, 0},
    {sizeof(kl_op), "fake_cached", kCachedOperands, 3, nullptr, 0},
};
constexpr kl_dtype kAnyTypes[] = {KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY};

inline kl_kernel Kernel(const char* op, const char* name, uint32_t operand_count, kl_code (*run)(const kl_run*)) {
  kl_kernel kernel = {};
  kernel.struct_size = sizeof kernel;
  kernel.op = op;
  kernel.name = name;
  kernel.operand_types = kAnyTypes;
  kernel.operand_count = operand_count;
  kernel.prepare = Prepare;
  kernel.release = Release;
  kernel.work = OneUnit;
  kernel.run = run;
  return kernel;
}

// ids -> embed -> double -> select -> matmul: the token after t is the one whose head row fits table row t.
inline kl_code Build(const kl_host*, const kl_model_view* view, kl_plan_builder* b, kl_model_facts* facts,
                     kl_error* error) {
  const kl_tensor* table = view->find_tensor(view, "table");
  const int64_t rows = table != nullptr ? table->shape[0] : 1, width = table != nullptr ? table->shape[1] : 1;
  const int64_t table_shape[] = {rows, width}, hidden[] = {KL_DIM_TOKENS, width}, chosen[] = {KL_DIM_OUTPUTS, width},
                logits[] = {KL_DIM_OUTPUTS, rows};
  const kl_value x = b->value(b, KL_TYPE_F32, 2, hidden), y = b->value(b, KL_TYPE_F32, 2, hidden),
                 z = b->value(b, KL_TYPE_F32, 2, chosen), l = b->value(b, KL_TYPE_F32, 2, logits);
  const kl_value embed[] = {b->token_ids(b), b->weight(b, "table", 2, table_shape), x};
  b->node(b, "fake_embed", "embed", nullptr, 0, embed, 3);
  const kl_value twice[] = {x, y};
  b->node(b, "fake_double", "double", nullptr, 0, twice, 2);
  const kl_value select[] = {y, b->output_rows(b), z};
  b->node(b, "fake_select", "select", nullptr, 0, select, 3);
  const kl_value head[] = {z, b->weight(b, "head", 2, table_shape), l};
  b->node(b, "fake_matmul", "head", nullptr, 0, head, 3);
  b->logits(b, l);
  facts->vocabulary_size = rows;
  facts->context_length = 16;
  int64_t claimed = 0;
  if (view->get_int(view, "fake.claimed_vocabulary", &claimed) != 0) facts->vocabulary_size = claimed;
  if (view->get_int(view, "fake.claimed_context", &claimed) != 0) facts->context_length = claimed;
  return b->status(b, error);
}

}  // namespace fake

// Kernels that can be told apart and changed by a test before the registry is made.
struct FakePlugin {
  kl_kernel kernels[6];
  const kl_kernel* kernel_list[6];
  const kl_op* op_list[6];
  kl_architecture architecture = {sizeof(kl_architecture), "fake", fake::Build};
  const kl_architecture* architecture_list[1] = {&architecture};
  kl_plugin_v1 table = {};

  FakePlugin() {
    Fake::log() = Fake::Log();
    kernels[0] = fake::Kernel("fake_embed", "fake_embed_1", 3, fake::Embed);
    kernels[1] = fake::Kernel("fake_select", "fake_select_1", 3, fake::Select);
    kernels[2] = fake::Kernel("fake_double", "fake_double_1", 2, fake::Double);
    kernels[2].work = fake::UnitPerWorker;
    kernels[3] = fake::Kernel("fake_matmul", "fake_matmul_1", 3, fake::MatMul);
    kernels[3].pack_query = fake::PackQuery;
    kernels[3].pack = fake::Pack;
    kernels[4] = fake::Kernel("fake_sum", "fake_sum_1", 3, fake::Sum);
    kernels[5] = fake::Kernel("fake_cached", "fake_cached_1", 3, fake::Cached);
    for (int i = 0; i < 6; ++i) {
      kernel_list[i] = &kernels[i];
      op_list[i] = &fake::kOps[i];
    }
    table.struct_size = sizeof table;
    table.abi_major = KL_ABI_MAJOR;
    table.name = "fake";
    table.version = "1";
    table.ops = op_list;
    table.op_count = 6;
    table.kernels = kernel_list;
    table.kernel_count = 6;
    table.architectures = architecture_list;
    table.architecture_count = 1;
  }
  FakePlugin(const FakePlugin&) = delete;
  FakePlugin& operator=(const FakePlugin&) = delete;

  std::unique_ptr<Registry> MakeRegistry() const {
    RegistryOptions options;
    options.use_plugin_folder = false;
    options.adopted_plugins = {&table};
    return std::move(Registry::Create(options)).value();
  }
};

// Workers one after the other on the caller's thread, each with its share of the units.
class FakeScheduler : public Scheduler {
 public:
  explicit FakeScheduler(int thread_count) : thread_count_(thread_count) {}
  absl::Status Run(NodeRun* nodes, size_t count, const std::atomic<bool>* cancel) override {
    for (size_t n = 0; n < count; ++n) {
      bool again = true;
      if (nodes[n].hook != nullptr) {
        KL_ASSIGN_OR_RETURN(again, nodes[n].hook->Next());
      }
      if (!again) continue;
      if (cancel != nullptr && cancel->load()) return absl::CancelledError("cancelled");
      kl_run run = nodes[n].run;
      run.worker_count = static_cast<uint32_t>(thread_count_);
      kl_work work = {};
      work.struct_size = sizeof work;
      nodes[n].kernel->work(&run, &work);
      for (run.phase = 0; run.phase < work.phase_count; ++run.phase) {
        for (int w = 0; w < thread_count_; ++w) {
          run.worker = static_cast<uint32_t>(w);
          run.begin = work.unit_count[run.phase] * w / thread_count_;
          run.end = work.unit_count[run.phase] * (w + 1) / thread_count_;
          run.worker_scratch = static_cast<char*>(nodes[n].worker_scratch_base) + nodes[n].worker_scratch_stride * w;
          if (nodes[n].weight_bytes != nullptr) run.weight_bytes = nodes[n].weight_bytes + w * NodeRun::kWeightBytesStride;
          if (run.begin == run.end) continue;
          if (nodes[n].kernel->run(&run) != KL_OK) return absl::InternalError("a kernel failed");
        }
      }
      if (nodes[n].hook != nullptr) --n;  // it is asked again
    }
    return absl::OkStatus();
  }
  void ParallelFor(int64_t count, kl_parallel_body body, void* context) override {
    for (int64_t i = count; i-- > 0;) body(context, i, i + 1);  // the last first: order must not matter
  }
  int thread_count() const override { return thread_count_; }
  void* pthreadpool() override { return nullptr; }

 private:
  const int thread_count_;
};

inline std::unique_ptr<Runtime> MakeFakeRuntime(const FakePlugin& plugin, int thread_count = 1) {
  return std::make_unique<Runtime>(plugin.MakeRegistry(), std::make_unique<FakeScheduler>(thread_count),
                                   &GreedyPlanner());
}

inline void AddTensor(ModelSource* source, const std::string& name, std::vector<int64_t> shape,
                      const std::vector<float>& data) {
  source->owned.push_back(std::make_unique<std::vector<uint8_t>>(data.size() * sizeof(float)));
  std::memcpy(source->owned.back()->data(), data.data(), data.size() * sizeof(float));
  SourceTensor tensor;
  tensor.name = name;
  tensor.shape = std::move(shape);
  tensor.data = source->owned.back()->data();
  tensor.bytes = data.size() * sizeof(float);
  source->tensor_index[name] = source->tensors.size();
  source->tensors.push_back(std::move(tensor));
}

// Logits that say: after token t comes (t + 1) % vocabulary_size.
inline std::unique_ptr<ModelSource> MakeFakeSource(int64_t vocabulary_size = 8) {
  auto source = std::make_unique<ModelSource>();
  source->path = "fake.model";
  source->format = "fake";
  source->architecture = "fake";
  const size_t size = static_cast<size_t>(vocabulary_size);
  std::vector<float> table(size * size), head(size * size);
  for (size_t t = 0; t < size; ++t) {
    table[t * size + (t + 1) % size] = 1;
    head[t * size + t] = 1;
  }
  AddTensor(source.get(), "table", {vocabulary_size, vocabulary_size}, table);
  AddTensor(source.get(), "head", {vocabulary_size, vocabulary_size}, head);
  return source;
}

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_FAKE_PLUGIN_H_
